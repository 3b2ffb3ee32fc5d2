package lint

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func conf(text string) Example { return example(Conf, text) }

// goodConf is what the rules about configurations ask for.
const goodConf = `per_listener_settings false
persistence true
persistence_location /var/lib/mosquitto/
persistent_client_expiration 14d
max_keepalive 3600
max_queued_messages 1000
max_packet_size 1048576
allow_anonymous false
password_file /etc/mosquitto/passwd
acl_file /etc/mosquitto/acl

listener 8883
certfile /etc/mosquitto/certs/server.crt
keyfile /etc/mosquitto/certs/server.key
`

// confRules are about the options of the Server as a whole.
func confRules() []Rule {
	return []Rule{
		{
			Code: "B004", Name: "no-persistence", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
			Summary: "retained messages are lost at a restart",
			Why: "Status, desired and reported states live in the Server as retained messages. Without persistence true they are gone " +
				"after each restart, and so are the sessions of devices that are offline.",
			Bad:  conf(strings.Replace(goodConf, "persistence true", "persistence false", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				if !c.is("persistence", "true") && (c.global["persistence"] != nil || c.lacks("persistence")) {
					c.at(c.global["persistence"])
					c.foundWith("persistence true", "", "persistence is off: every retained state is lost at a restart").
						option(c, c.global["persistence"], "persistence", "true")
				}
			},
		},
		{
			Code: "B006", Name: "unbounded-queues", Severity: Warning, Profile: Guide, FixClass: UnsafeFix,
			Summary: "a queue has no limit",
			Why: "0 means no limit: one client that is away, or reads slowly, makes the Server keep messages until the machine has no " +
				"memory. Without max_packet_size one message may have 256 MB.",
			Bad:  conf(strings.Replace(goodConf, "max_queued_messages 1000", "max_queued_messages 0", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				queued, bytes := c.global["max_queued_messages"], c.global["max_queued_bytes"]
				if queued != nil && queued.value == "0" && (bytes == nil || bytes.value == "0") {
					c.at(queued)
					c.found("queue", "max_queued_messages 0: a client that is away fills the memory").option(c, queued, queued.key, "1000")
				}
				if c.lacks("max_packet_size") && c.lacks("message_size_limit") {
					c.at(nil)
					c.found("packet", "max_packet_size is not set: one message may have 256 MB").option(c, nil, "max_packet_size", "1048576")
				}
			},
		},
		{
			Code: "B007", Name: "no-session-expiry", Severity: Warning, Profile: Guide, FixClass: UnsafeFix,
			Summary: "sessions of clients that never come back are kept for ever",
			Why: "A client of MQTT 3.1.1 with clean session off leaves a session behind that only persistent_client_expiration ends. " +
				"Each one keeps a queue of messages.",
			Bad:  conf(strings.Replace(goodConf, "persistent_client_expiration 14d\n", "", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				if c.lacks("persistent_client_expiration") {
					c.at(nil)
					c.foundWith("persistent_client_expiration 14d", "", "persistent_client_expiration is not set: sessions never end").
						option(c, nil, "persistent_client_expiration", "14d")
				}
			},
		},
		{
			Code: "B008", Name: "no-keepalive-cap", Severity: Info, Profile: Guide, FixClass: UnsafeFix,
			Summary: "a client may ask for any keep alive",
			Why: "A client with keep alive 0 is never found dead, and its Will never sent. max_keepalive bounds what clients may ask " +
				"for (MQTT 5 tells them so).",
			Bad:  conf(strings.Replace(goodConf, "max_keepalive 3600\n", "", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				if c.lacks("max_keepalive") {
					c.at(nil)
					c.foundWith("max_keepalive 3600", "", "max_keepalive is not set").option(c, nil, "max_keepalive", "3600")
				}
			},
		},
		{
			Code: "B011", Name: "retain-off", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
			Summary: "the Server keeps no retained messages",
			Why: "With retain_available false a client that publishes a status or a state with the RETAIN flag is disconnected " +
				"(MQTT 5), or the flag is ignored. Presence and desired state do not work.",
			Bad:  conf(goodConf + "retain_available false\n"),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				if c.is("retain_available", "false") {
					c.at(c.global["retain_available"])
					c.found("", "no retained messages: no presence, no desired state").
						option(c, c.global["retain_available"], "retain_available", "true")
				}
			},
		},
		{
			Code: "B012", Name: "sys-off", Severity: Info, Profile: Guide, FixClass: UnsafeFix,
			Summary: "the Server publishes no figures",
			Why:     "With sys_interval 0 there is no $SYS/: mqx stats and every monitor see nothing of the Server.",
			Bad:     conf(goodConf + "sys_interval 0\n"),
			Good:    conf(goodConf),
			conf: func(c *confCheck) {
				if c.is("sys_interval", "0") {
					c.at(c.global["sys_interval"])
					c.found("", "no figures in $SYS/").option(c, c.global["sys_interval"], "sys_interval", "10")
				}
			},
		},
		{
			Code: "B013", Name: "no-connection-log", Severity: Info, Profile: Guide, FixClass: UnsafeFix,
			Summary: "connections are not logged",
			Why:     "The log says who came, who was thrown out by whom and why. Without it two clients with one id are hard to find.",
			Bad:     conf(goodConf + "connection_messages false\n"),
			Good:    conf(goodConf),
			conf: func(c *confCheck) {
				if c.is("connection_messages", "false") {
					c.at(c.global["connection_messages"])
					c.found("", "nobody will see who threw whom out").
						option(c, c.global["connection_messages"], "connection_messages", "true")
				}
			},
		},
		{
			Code: "B015", Name: "unknown-option", Severity: Error, Profile: Minimal, FixClass: UnsafeFix,
			Summary: "an option does not exist",
			Why:     "Mosquitto does not start with an option that it does not know. A typo in a security option would be worse if it did.",
			Bad:     conf(strings.Replace(goodConf, "allow_anonymous", "allow_anonymus", 1)),
			Good:    conf(goodConf),
			conf: func(c *confCheck) {
				for i := range c.lines {
					if line := &c.lines[i]; confScope(line.key) == "" {
						c.at(line)
						if meant := likelyOption(line.key); meant != "" {
							c.found(line.key, "the option %q does not exist in Mosquitto: did you mean %q?", line.key, meant).key(line, meant)
						} else {
							c.found(line.key, "the option %q does not exist in Mosquitto", line.key)
						}
					}
				}
			},
		},
		{
			Code: "B009", Name: "cert-expiry", Severity: Warning, Profile: Guide,
			Summary: "a certificate ends soon, or its key is readable by everybody",
			Why: "An expired certificate ends all connections at once, on a day when nobody changed anything. A private key that " +
				"every user of the machine can read is no secret. Both are checked when the files are there.",
			Bad:  conf(strings.Replace(goodConf, "/etc/mosquitto/certs/server.crt", "expired.crt", 1)),
			Good: conf(goodConf),
			conf: secretFiles,
		},
		{
			Code: "B014", Name: "plaintext-passwords", Severity: Error, Profile: Guide,
			Summary: "a password file holds plain passwords",
			Why: "mosquitto_passwd and mqx broker passwd write hashes. A file with plain text does not work, and gives the passwords " +
				"to whoever reads it. The file is checked when it is there.",
			Bad:  conf(strings.Replace(goodConf, "/etc/mosquitto/passwd", "plain.passwd", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				for i := range c.lines {
					line := &c.lines[i]
					if line.key != "password_file" {
						continue
					}
					text, err := os.ReadFile(c.path(line.value))
					if err != nil {
						continue // it need not be on this machine
					}
					for entry := range strings.Lines(string(text)) {
						_, secret, ok := strings.Cut(strings.TrimSpace(entry), ":")
						if ok && secret != "" && secret[0] != '$' && entry[0] != '#' { // SCRAM records stand in comments
							c.at(line)
							c.found("", "the file holds a password that is not hashed")
							break
						}
					}
				}
			},
		},
	}
}

// path is a file that the configuration names, seen from the configuration.
func (c *confCheck) path(name string) string { return besideConf(c.file, name) }

func besideConf(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(file), name)
}

func secretFiles(c *confCheck) {
	for i := range c.lines {
		line := &c.lines[i]
		switch line.key {
		case "certfile", "cafile", "bridge_certfile", "bridge_cafile":
			c.certificate(line)
		case "keyfile", "bridge_keyfile":
			if worldReadable(c.path(line.value)) {
				c.at(line)
				c.found("", "every user of this machine can read %s", line.value)
			}
		}
	}
}

// certificate checks the dates of the first certificate in a file, if it is there.
func (c *confCheck) certificate(line *confLine) {
	text, err := os.ReadFile(c.path(line.value))
	if err != nil {
		return
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return
	}
	const soon = 30 * 24 * time.Hour
	c.at(line)
	switch left := cert.NotAfter.Sub(c.l.now()); {
	case left < 0:
		c.foundAs(Error, "", "the certificate of %s expired on %s", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly))
	case left < soon:
		c.found("", "the certificate of %s expires on %s", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly))
	}
}
