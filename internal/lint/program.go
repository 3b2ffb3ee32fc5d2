package lint

import "strings"

// program is what the lines of one program told together.
type program struct {
	file string
	// The first lines with: a library for MQTT, a connection that is made, a Client Identifier that is new at each start, a session
	// that is kept.
	library, connect, random, kept *Place
	publishes, will                bool
}

// programCheck is a program under check, once all of it was seen.
type programCheck struct {
	finder

	program *program
}

// inProgram takes down what a line tells about the program that it is in.
func (l *Linter) inProgram(text string, at Place) {
	p := l.memory.program
	if p == nil || p.file != at.File {
		l.endOfProgram()
		p = &program{file: at.File}
		l.memory.program = p
	}
	flat := strings.NewReplacer(" ", "", "_", "", "\t", "").Replace(strings.ToLower(text))
	first := func(place **Place, marks ...string) {
		if *place == nil && containsAny(flat, marks...) {
			*place = &at
		}
	}
	first(&p.library, "paho", "pubsubclient", "asyncmqtt", "mqttclient", "mqtt.client", "mqtt.connect", "aiomqtt", "gmqtt", "rumqttc",
		"mqttnet", "espmqtt", "from'mqtt'", `from"mqtt"`, "require('mqtt')", `require("mqtt")`, "arduinomqtt", "umqtt", "hivemq")
	first(&p.connect, ".connect(", ".connectasync(", "->connect(")
	first(&p.kept, "cleansession=false", "cleansession:false", "cleansession(false)", "cleanstart=false", "cleanstart:false",
		"cleanstart(false)", "clean:false", "setcleansession(false", "setcleanstart(false")
	if strings.Contains(flat, "clientid") || strings.Contains(flat, ".client(") {
		first(&p.random, "uuid", "random", "rand(", "rand.", "urandom", "nanoid", "mkstemp")
	}
	p.publishes = p.publishes || strings.Contains(flat, "publish(")
	p.will = p.will || containsAny(flat, "willset", "setwill", "will:", "will=", "willtopic", "lastwill", "willmessage", "lwt", "offline",
		".will(")
}

// endOfProgram runs the rules about a whole program.
func (l *Linter) endOfProgram() {
	p := l.memory.program
	l.memory.program = nil
	if p == nil || p.library == nil {
		return
	}
	c := &programCheck{finder: finder{l: l}, program: p}
	for _, a := range l.prog {
		c.rule = a
		a.program(c)
	}
}

// at makes a line the place of what is found next.
func (c *programCheck) at(p *Place) { c.subject = subject{kind: Source, place: *p} }

// programRules are about what a program does as a whole.
func programRules() []Rule {
	return []Rule{
		{
			Code: "N002", Name: "random-id-persistent-session", Severity: Warning, Profile: Guide,
			Summary: "a program keeps its session and takes a new Client Identifier each time",
			Why: "A session is found again by the Client Identifier. With a new one at each start the old session is never taken up: the " +
				"Server keeps it and fills its queue, for every start of the program. Keep the identifier (the serial number of the " +
				"device, a file), or begin with a clean session.",
			Bad: source("import paho.mqtt.client as mqtt\n" +
				`client = mqtt.Client(client_id="app-" + uuid.uuid4().hex, clean_session=False)`),
			Good: source("import paho.mqtt.client as mqtt\n" +
				`client = mqtt.Client(client_id="app-" + serial_number, clean_session=False)`),
			program: func(c *programCheck) {
				if p := c.program; p.random != nil && p.kept != nil {
					c.at(p.random)
					c.found("", "a new Client Identifier at each start, and line %d keeps the session of each", p.kept.Line)
				}
			},
			fleet: func(c *fleetCheck) {
				t := &c.profile.Target
				changes := strings.Contains(t.ClientID, "{boot}") || strings.Contains(t.ClientID, "{random}")
				if changes && (!t.CleanStart || t.SessionExpiry > 0) {
					c.at(t.At)
					c.found("", "the Client Identifier %s changes at each boot, and the session is kept", t.ClientID)
				}
			},
		},
		{
			Code: "G003", Name: "no-will", Severity: Warning, Profile: Guide,
			Summary: "a program connects and publishes without a Will Message",
			Why: "When the connection breaks, the Server publishes the Will Message for the program: the only way in which others learn " +
				"that a device died. A program that publishes and has none stays online for ever in everybody's eyes. It is set before " +
				"the program connects: offline on the status topic, QoS 1, retained. A program that is no device needs none: an entry of " +
				"lint.ignore in the contract file says so.",
			Bad: source("import paho.mqtt.client as mqtt\nclient = mqtt.Client()\nclient.connect(host)\n" +
				`client.publish(f"acme/{site}/{device}/telemetry/temp", body)`),
			Good: source("import paho.mqtt.client as mqtt\nclient = mqtt.Client()\n" +
				`client.will_set(f"acme/{site}/{device}/status", "offline", qos=1, retain=True)` + "\nclient.connect(host)\n" +
				`client.publish(f"acme/{site}/{device}/telemetry/temp", body)`),
			program: func(c *programCheck) {
				if p := c.program; p.connect != nil && p.publishes && !p.will {
					c.at(p.connect)
					c.found("", "it connects and publishes, and sets no Will Message")
				}
			},
		},
	}
}
