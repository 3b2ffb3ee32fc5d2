//go:build unix

package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dropInCase is a command line that is given to one of Debian's clients and to mqx under the same name, each on a Server of
// its own.
type dropInCase struct {
	on   string // the Server: "" for one that lets everybody do everything, "guarded", or one of the impostors
	tool string // pub, sub or rr
	args string // after host and port; {t} is a topic of the case's own
	in   string // standard input

	seed       string // what is retained on the topic before, empty for nothing
	properties string // members of the JSON form of that message

	// differs names a difference: then the reference does not run, and the rest is what mqx does.
	differs  string
	status   int
	out, err string
}

// name is short enough for the name of a subtest.
func (c dropInCase) name() string {
	return strings.TrimSpace(c.on + " " + c.tool + " " + strings.NewReplacer("/", "|", "{t}", "T").Replace(c.args))
}

// dropIn is the path of mqx under the name of one of mosquitto's clients.
func dropIn(tool string) string { return filepath.Join(os.Getenv(binDir), "mosquitto_"+tool) }

// linkDropIns makes the links.
func linkDropIns(t *testing.T) {
	t.Helper()
	run(t, 0, mqx(), "link", os.Getenv(binDir))
}

// words splits at blanks; a word in single quotes is one.
func words(line string) []string {
	var list []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		if rest, quoted := strings.CutPrefix(line, "'"); quoted {
			word, after, _ := strings.Cut(rest, "'")
			list, line = append(list, word), after
			continue
		}
		word, after, _ := strings.Cut(line, " ")
		list, line = append(list, word), after
	}
	return list
}

// normalised replaces what differs between two runs, or between 2.0.11 and 2.1 (issues of version 2.1 are in the table of
// docs/mosquitto.md): the time, assigned client identifiers, how retain and times are written in %j.
func normalised(text string) string {
	for _, rule := range []struct{ find, put string }{
		{`"tst":(\t?)"[0-9T:.-]+Z?[+-]\d{4}"`, `"tst":$1"TIME"`},
		{`"retain":(\t?)0`, `"retain":${1}false`},
		{`"retain":(\t?)1`, `"retain":${1}true`},
		{`"user-properties":\{([^{}]*)\}`, `"user-properties":[{$1}]`},
		{`\d{10}\.\d{9}`, "UNIX"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}`, "ISO"},
		{`auto-[0-9A-F-]{36}`, "AUTO"},
		{`(mqx|auto)-[0-9a-zA-Z-]{8,40}`, "AUTO"},
	} {
		text = regexp.MustCompile(rule.find).ReplaceAllString(text, rule.put)
	}
	return text
}

// dropInServers are the Servers for one side.
type dropInServers map[string]server

// seed retains the messages that the cases want.
func (s dropInServers) seed(t *testing.T, cases []dropInCase) {
	t.Helper()
	lines := map[string]*bytes.Buffer{}
	for i, c := range cases {
		if c.seed == "" {
			continue
		}
		if lines[c.on] == nil {
			lines[c.on] = &bytes.Buffer{}
		}
		properties := ""
		if c.properties != "" {
			properties = `,"properties":{` + c.properties + `}`
		}
		fmt.Fprintf(lines[c.on], `{"topic":"case/%d","qos":1,"retain":true,"encoding":"base64","payload":"%s"%s}`+"\n", i,
			base64.StdEncoding.EncodeToString([]byte(c.seed)), properties)
	}
	for on, text := range lines {
		start(t, text, mqx(), "pub", "--json", "-h", "127.0.0.1", "-p", s[on].port, "-V", "5").mustWait(0)
	}
}

func (s dropInServers) run(t *testing.T, program string, i int, c dropInCase) *process {
	t.Helper()
	args := []string{"-h", "127.0.0.1", "-p", s[c.on].port}
	for _, w := range words(c.args) {
		args = append(args, strings.NewReplacer("{t}", fmt.Sprintf("case/%d", i), "{n}", fmt.Sprint(i), "{port}", s[c.on].port).Replace(w))
	}
	p := start(t, strings.NewReader(c.in), program, args...)
	p.wait()
	return p
}

// checkDropIn runs the cases on pairs of Servers.
func checkDropIn(t *testing.T, reference, ours dropInServers, cases []dropInCase) {
	t.Helper()
	linkDropIns(t)
	known := differences(t)
	reference.seed(t, cases)
	ours.seed(t, cases)
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name(), func(t *testing.T) {
				t.Parallel()
				got := ours.run(t, dropIn(c.tool), i, c)
				status, out, errs := c.status, c.out, c.err
				if c.differs == "" {
					want := reference.run(t, tool(t, "mosquitto_"+c.tool), i, c)
					status, out, errs = want.wait(), want.stdout.String(), want.stderr.String()
				} else if !known[c.differs] {
					t.Errorf("the list of differences does not have %q", c.differs)
				}
				if got.wait() != status || normalised(got.stdout.String()) != normalised(out) || normalised(got.stderr.String()) != normalised(errs) {
					t.Errorf("got\nstatus %d\nstdout %.1000q\nstderr %.1000q\nwant\nstatus %d\nstdout %.1000q\nstderr %.1000q", got.wait(),
						got.stdout.String(), got.stderr.String(), status, out, errs)
				}
			})
		}
	})
}

// differences reads the names of the list of differences.
func differences(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "mosquitto", "testdata", "differences.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range list {
		names[d.Name] = true
	}
	return names
}

// plainCases are those for a Server that allows everything.
func plainCases() []dropInCase {
	var all []dropInCase
	add := func(cases ...dropInCase) { all = append(all, cases...) }
	properties := `"content_type":"text/plain","response_topic":"re/ply","correlation_data":"aWQ=",` +
		`"user_properties":[["key","value"]],"payload_format_indicator":0`
	for _, payload := range []string{"text", "\x01\xfe\xff\x7f", "long % @ \\ text"} {
		for _, format := range []string{
			"%%|%t|%q|%r|%l|%m|%p", "[%20t][%-20t][%.3t][%-8.3t][%8.3t][%020t]", "[%15p][%-15p][%015p]", "%x|%X", "%05l|%5l|%-5l|%-05l", "%5m|%05m",
			`\\\a\e\n\r\t\v|\0|`, "@Y@@@q@%", "%5q|%5r|", "%U|%I|@s.@N",
		} {
			add(dropInCase{tool: "sub", args: "-t {t} -C 1 -F '" + format + "'", seed: payload})
		}
		add(dropInCase{tool: "sub", args: "-V 5 -t {t} -C 1 -F '[%A][%C][%D][%F][%P][%R][%S]'", seed: payload, properties: properties})
		add(dropInCase{tool: "sub", args: "-V 5 -t {t} -C 1 -F '[%20C][%-20C][%.4C][%12.4C][%10R][%.3R][%-6F][%06F]'", seed: payload, properties: properties})
		for _, v := range []string{"31", "311", "5"} {
			for _, how := range []string{"", "-v -N", "-F %p -N", "-q 2 -v"} {
				add(dropInCase{tool: "sub", args: "-V " + v + " -t {t} -C 1 " + how, seed: payload})
			}
		}
	}
	for _, payload := range []string{`{"a":[1,2,{"b":3}],"c":"d","e":true,"f":null}`, `[1, 2, [3]]`, "5", `"text"`, "text", `{"a": {"b": [ ] } }`} {
		for _, format := range []string{"%j", "%J", "[%j]", "[%J]"} {
			add(dropInCase{tool: "sub", args: "-t {t} -C 1 -F " + format, seed: payload},
				dropInCase{tool: "sub", args: "-t {t} -C 1 --pretty -F " + format, seed: payload},
				dropInCase{tool: "sub", args: "-V 5 -q 1 -t {t} -C 1 -F " + format, seed: payload, properties: properties})
		}
	}
	for _, v := range []string{"31", "311", "5"} {
		for _, q := range []string{"0", "1", "2"} {
			base := "-V " + v + " -q " + q
			add(dropInCase{tool: "pub", args: base + " -t {t} -m x"}, dropInCase{tool: "pub", args: base + " -i id{n}" + " -d -t {t} -m x"},
				dropInCase{tool: "pub", args: base + " -t {t} -n -r"}, dropInCase{tool: "pub", args: base + " -t {t} -s", in: "a\x00b\n"},
				dropInCase{tool: "pub", args: base + " -t {t} -l", in: "a\n\nb\r\nc"}, dropInCase{tool: "pub", args: base + " -t {t} -l"},
				dropInCase{tool: "pub", args: base + " -t {t} -m x --repeat 3 -d -i re{n}"},
				dropInCase{tool: "pub", args: base + " -t {t} -f /dev/null"}, dropInCase{tool: "pub", args: base + " -t '' -m x"},
				dropInCase{tool: "pub", args: base + " -t {t} -m x --repeat 2 --repeat-delay 0.05"},
				dropInCase{tool: "sub", args: base + " -t {t} -t {t}/b -t c/+ -W 4 -d -i su{n}"},
				dropInCase{tool: "sub", args: base + " -t {t} -E"},
				dropInCase{tool: "rr", args: base + " -t {t} -e {t} -m 'a b' -v"}, dropInCase{tool: "rr", args: base + " -t {t} -e {t} -n -v"},
				dropInCase{tool: "rr", args: base + " -t {t} -e {t} -m x -F '%t %q %r %l %p %R'"},
				dropInCase{tool: "rr", args: base + " -t {t} -e {t} -m x", seed: "stale"},
				dropInCase{tool: "rr", args: base + " -t {t} -e {t}/none -m x -W 1"})
		}
	}
	add(
		dropInCase{tool: "pub", args: "-t {t} -s"}, dropInCase{tool: "pub", args: "-t {t} -f /nonexistent"},
		dropInCase{tool: "pub", args: "-i '' -t {t} -m x"}, dropInCase{tool: "sub", args: "-i '' -t {t}"},
		dropInCase{tool: "pub", args: "-L mqtt://127.0.0.1:{port}/{t} -m x"}, dropInCase{tool: "pub", args: "-L mqtt://127.0.0.1:{port}/ -m x"},
		dropInCase{tool: "sub", args: "-L mqtt://u:p@127.0.0.1:{port}/{t} -C 1", seed: "x"}, dropInCase{tool: "rr", args: "-L mqtt://127.0.0.1:{port}/ -e a -m x"},
		dropInCase{tool: "pub", args: "-p 0 -t {t} -m x"}, dropInCase{tool: "pub", args: "-p abc -t {t} -m x"}, dropInCase{tool: "sub", args: "--unix /nonexistent -t {t}"},
		dropInCase{tool: "pub", args: "-A 127.0.0.1 -t {t} -m x"}, dropInCase{tool: "pub", args: "-A 1.2.3.4 -t {t} -m x"},
		dropInCase{tool: "sub", args: "-t {t} -T {t} -W 1", seed: "x"}, dropInCase{tool: "sub", args: "-t {t} -R -W 1", seed: "x"},
		dropInCase{tool: "sub", args: "-V 5 -t {t} -R -W 1", seed: "x"}, dropInCase{tool: "sub", args: "-t {t} -U b -C 1", seed: "x"},
		dropInCase{tool: "sub", args: "-t {t} --retained-only -C 1", seed: "x"}, dropInCase{tool: "sub", args: "-t {t} --retained-only -W 4", seed: "x"},
		dropInCase{tool: "sub", args: "-t {t} -W 1 --quiet"}, dropInCase{tool: "sub", args: "-t {t} --random-filter 1000 -C 1", seed: "x"},
		dropInCase{tool: "sub", args: "-V 5 -t {t} --retain-as-published -C 1 -F %r", seed: "x"}, dropInCase{tool: "sub", args: "-t {t} -C 1 -c -i durable", seed: "x"},
		dropInCase{tool: "sub", args: "-V 5 -t {t} -C 1 -D subscribe subscription-identifier 7 -F %S", seed: "x"},
		dropInCase{tool: "sub", args: "-t {t} -C 1 -F ''", seed: "x"}, dropInCase{tool: "sub", args: "-t {t} -C 1 -d -i one -V 311", seed: "x"},
		dropInCase{tool: "pub", args: "-V 5 -t {t} -m x -D publish topic-alias 3 --repeat 3 -q 1"},
		dropInCase{tool: "pub", args: "-t {t} -m x -D connect authentication-data x", differs: "authentication-data"},
		dropInCase{tool: "pub", args: "-t {t} -m x -D connect authentication-method x"}, dropInCase{tool: "pub", args: "-t {t} -m x -D disconnect session-expiry-interval 5"},
		dropInCase{tool: "pub", args: "-t {t} -m x -q 1 -D publish response-topic a -D publish content-type b -D publish user-property c d -D publish correlation-data e"},
		dropInCase{tool: "pub", args: "-t {t} -m x --will-topic w --will-payload p --will-qos 1 --will-retain -D will will-delay-interval 3"},
		dropInCase{tool: "rr", args: "-t {t} -e {t} -m '{\"a\":1}' -F %J"}, dropInCase{tool: "rr", args: "-t {t} -e {t} -m x -D publish correlation-data q -F %D"},
		dropInCase{tool: "rr", args: "-t {t} -e {t} -m x -d -i rr"}, dropInCase{tool: "rr", args: "-t {t} -e {t} -m x --retain-as-published -F %r"},
	)
	return append(all, differingCases()...)
}

// differingCases are those where mqx does otherwise, and why has a name.
func differingCases() []dropInCase {
	const useSub = "\nUse 'mosquitto_sub --help' to see usage.\n"
	return []dropInCase{
		{tool: "sub", args: "-t ''", differs: "empty-filter", status: 1, err: "Error: Invalid subscription topic '', are all '+' and '#' wildcards correct?\n" + useSub},
		{tool: "pub", args: "-t {t} -q 1 -l", in: "a\x00b\nc\n", differs: "lines-nul"},
		{tool: "rr", args: "-t {t} -e {t} -s", in: "asked", differs: "request-file", out: "asked\n"},
		{tool: "rr", args: "-t {t} -e {t} -f /nonexistent", differs: "request-file", status: 1, err: "Error: Unable to open file \"/nonexistent\".\nError loading input file \"/nonexistent\".\n"},
		{tool: "rr", args: "-t {t} -e {t} -m x -R", seed: "stale", differs: "2.1-request-skips-retained", out: "x\n"},
		{tool: "rr", args: "-t {t} -e {t} -m x -R -V 311", seed: "stale", differs: "2.1-request-skips-retained", out: "x\n"},
		{tool: "sub", args: "-t {t} --retained-only -v", seed: "x", differs: "retained-only-ends", out: "{topic} x\n"},
		{tool: "sub", args: "-t {t} --retained-only -v -V 5", differs: "retained-only-ends"},
		{tool: "sub", args: "-t {t} --retained-only --remove-retained", seed: "x", differs: "remove-retained-ends", out: "x\n"},
		{tool: "sub", args: "-t {t} --remove-retained -C 1", seed: "x", differs: "remove-retained-ends", out: "x\n"},
		{
			tool: "sub", args: "-t {t} -C 1 -F %J", seed: `{"big":9007199254740993,"price":1.10, "big":12345678901234567890}`, differs: "json-numbers",
			out: `{"tst":"TIME","topic":"{topic}","qos":0,"retain":true,"payloadlen":65,"payload":{"big":9007199254740993,"price":1.10,"big":12345678901234567890}}` + "\n",
		},
		{
			tool: "sub", args: "-t {t} -C 1 -F %j", seed: "A\x00\xff", differs: "json-binary",
			out: `{"tst":"TIME","topic":"{topic}","qos":0,"retain":true,"payloadlen":3,"payload":"A\u0000ÿ"}` + "\n",
		},
		{tool: "sub", args: "-t {t} -C 1 -F '[%5x][%-5X]'", seed: "x", differs: "hex-width", out: "[   78][78   ]\n"},
		{tool: "sub", args: "-t {t} -C 1 --random-filter 100", seed: "x", differs: "random-filter", out: "x\n"},
		{tool: "sub", args: "-E -U {t}", differs: "unsubscribe-ends"},
		{tool: "pub", args: "-t {t} -m x -D disconnect user-property a b -V 311", differs: "properties-below-5"},
		{tool: "pub", args: "-t {t} -m x -D publish content-type a -V 311", differs: "properties-below-5", status: 7, err: "Error: The connection was lost.\n"},
		{tool: "sub", args: "-t {t} -D subscribe user-property a b -V 311", differs: "properties-below-5", status: 1, err: "Unable to connect (This feature is not supported.).\n"},
		{
			tool: "pub", args: "-t {t} -m x -D publish payload-format-indicator 2", differs: "payload-format", status: 1,
			err: "Error in PUBLISH properties: A network protocol error occurred when communicating with the broker.\n\nUse 'mosquitto_pub --help' to see usage.\n",
		},
		{
			tool: "pub", args: "-t {t} -m x --psk abcd --psk-identity i", differs: "unsupported-tls", status: 1,
			err: "Error: Problem setting TLS-PSK options.\nError: mqx does not speak TLS with pre-shared keys; use certificates (--cafile).\n",
		},
	}
}

// thinned leaves out most cases where each takes ten times as long: the race detector needs only some. Those that differ stay.
func thinned(cases []dropInCase) []dropInCase {
	if len(buildFlags()) == 0 {
		return cases
	}
	var some []dropInCase
	for i, c := range cases {
		if i%5 == 0 || c.differs != "" {
			some = append(some, c)
		}
	}
	return some
}

func TestDropInDoesWhatMosquittosClientsDo(t *testing.T) {
	cases := thinned(plainCases())
	for i := range cases {
		cases[i].out = strings.ReplaceAll(cases[i].out, "{topic}", fmt.Sprintf("case/%d", i))
	}
	checkDropIn(t, dropInServers{"": startMosquitto(t)}, dropInServers{"": startMosquitto(t)}, cases)
}
