package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// listenerRules are about who can reach the Server.
func listenerRules() []Rule {
	return []Rule{
		{
			Code: "B001", Name: "anonymous", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
			Summary: "everybody who can reach the Server may use it",
			Why: "allow_anonymous true on an address that other machines can reach is an open Server: search engines for such Servers " +
				"exist. Use a password file or client certificates.",
			Bad:  conf(strings.Replace(goodConf, "allow_anonymous false", "allow_anonymous true", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				for _, l := range c.listeners {
					anonymous := c.option(l, "listener_allow_anonymous")
					if anonymous == nil {
						anonymous = c.option(l, "allow_anonymous")
					}
					if anonymous != nil && anonymous.value == "true" && !l.loopback() {
						c.at(l.line)
						c.found("", "port %s takes anonymous clients from other machines", l.port).option(c, anonymous, anonymous.key, "false")
					}
				}
			},
		},
		{
			Code: "B002", Name: "plaintext-listener", Severity: Error, Profile: Guide,
			Summary: "a listener without TLS that other machines can reach",
			Why: "User names, passwords and all messages travel in plain text. Give the listener certfile and keyfile, or bind it to " +
				"127.0.0.1 and put something in front of it that speaks TLS.",
			Bad:  conf(goodConf + "\nlistener 1883\n"),
			Good: conf(goodConf + "\nlistener 1883 127.0.0.1\n"),
			conf: func(c *confCheck) {
				for _, l := range c.listeners {
					if l.options["certfile"] == nil && l.options["psk_hint"] == nil && !l.loopback() {
						c.at(l.line)
						c.found("", "port %s has no certfile and can be reached from other machines", l.port)
					}
				}
			},
		},
		{
			Code: "B003", Name: "tls-version", Severity: Error, Profile: Guide, FixClass: UnsafeFix,
			Summary: "TLS before 1.2 is allowed",
			Why:     "TLS 1.0 and 1.1 are broken and withdrawn (RFC 8996). Every client library of the last ten years speaks 1.2.",
			Bad:     conf(goodConf + "tls_version tlsv1\n"),
			Good:    conf(goodConf + "tls_version tlsv1.2\n"),
			conf: func(c *confCheck) {
				for i := range c.lines {
					line := &c.lines[i]
					if strings.HasSuffix(line.key, "tls_version") && (line.value == "tlsv1" || line.value == "tlsv1.0" || line.value == "tlsv1.1") {
						c.at(line)
						c.found("", "%s is broken: tlsv1.2 or later", line.value).option(c, line, line.key, "tlsv1.2")
					}
				}
			},
		},
		{
			Code: "B010", Name: "client-cert-not-required", Severity: Warning, Profile: Guide, FixClass: UnsafeFix,
			Summary: "names come from certificates that need not be shown",
			Why: "use_identity_as_username takes the name out of the client's certificate. Without require_certificate true a client " +
				"that shows none is let in without a name.",
			Bad:  conf(goodConf + "use_identity_as_username true\n"),
			Good: conf(goodConf + "use_identity_as_username true\nrequire_certificate true\n"),
			conf: func(c *confCheck) {
				for _, l := range c.listeners {
					if v := l.options["use_identity_as_username"]; v != nil && v.value == "true" && c.value(l, "require_certificate") != "true" {
						c.at(v)
						c.found("", "clients without a certificate are let in without a name").below(c, v, "require_certificate true")
					}
				}
			},
		},
		{
			Code: "B016", Name: "no-listener", Severity: Warning, Profile: Guide,
			Summary: "there is no listener",
			Why: "Without a listener Mosquitto 2 listens on port 1883 of the loopback interface only: it starts without a complaint, " +
				"and no other machine can connect.",
			Bad:  conf(goodConf[:strings.Index(goodConf, "listener 8883")]),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				if len(c.listeners) == 0 && c.lacks("listener") {
					c.at(nil)
					c.foundWith("listener 8883 with certfile and keyfile", "", "no listener: Mosquitto 2 takes connections from this machine only")
				}
			},
		},
		{
			Code: "B019", Name: "no-access-list", Severity: Error, Profile: Guide,
			Summary: "every client may do everything",
			Why: "Without an acl_file or a plugin every client that is let in may read and write every topic: one leaked password is the " +
				"whole plant. mqx contract export --acl mosquitto writes a list from the contract.",
			Bad:  conf(strings.Replace(goodConf, "acl_file /etc/mosquitto/acl\n", "", 1)),
			Good: conf(goodConf),
			conf: func(c *confCheck) {
				for i := range c.lines {
					if k := c.lines[i].key; k == "acl_file" || strings.HasPrefix(k, "plugin") || strings.HasPrefix(k, "auth_plugin") ||
						k == "global_plugin" {
						return
					}
				}
				if c.unseen {
					return
				}
				c.at(nil)
				c.found("", "neither acl_file nor a plugin: every client may do everything")
			},
		},
	}
}

const bridgeHead = goodConf + "\nconnection cloud\naddress cloud.example.com:8883\nbridge_cafile /etc/ssl/ca.crt\n"

// bridgeRules are about bridge sections.
func bridgeRules() []Rule {
	return []Rule{
		{
			Code: "B017", Name: "bridge-loop", Severity: Error, Profile: Guide,
			Summary: "a bridge sends back what it receives",
			Why: "Two topic lines of one bridge, or of two, that carry the same topics in and out make every message go round for ever: " +
				"the loop check of the Server sees only bridges that it is part of. Carry each topic in one direction, or give the two " +
				"sides different prefixes.",
			Bad:  conf(bridgeHead + "topic acme/# out 1\ntopic acme/# in 1\n"),
			Good: conf(bridgeHead + "topic acme/+/+/status out 1\ntopic acme/+/+/cmd in 1\n"),
			conf: bridgeLoops,
		},
		{
			Code: "B018", Name: "bridge-leak", Severity: Warning, Profile: Guide,
			Summary: "a bridge carries everything, or without TLS",
			Why: "topic # both joins two Servers into one: every command on one side reaches the other, whoever may read there. Over a " +
				"bridge without bridge_cafile all of it travels in plain text.",
			Bad:  conf(bridgeHead + "topic # out 1\n"),
			Good: conf(bridgeHead + "topic acme/+/+/status out 1\n"),
			conf: bridgeLeaks,
		},
	}
}

// carried is one topic line of a bridge, for one direction.
type carried struct {
	line  *confLine
	from  topic.Filter // on the side where messages come from
	to    topic.Filter // what they become on the other side
	out   bool
	named string // the bridge
}

// directions takes a topic line apart: topic pattern [[[out | in | both] qos] local-prefix remote-prefix].
func directions(line *confLine, bridge string) []carried {
	words := strings.Fields(line.value)
	if len(words) == 0 {
		return nil
	}
	direction, local, remote := "out", "", ""
	if len(words) > 1 {
		direction = words[1]
	}
	if len(words) > 3 {
		local = strings.Trim(words[3], `"`)
	}
	if len(words) > 4 {
		remote = strings.Trim(words[4], `"`)
	}
	here, err := topic.ParseFilter(local + words[0])
	there, err2 := topic.ParseFilter(remote + words[0])
	if err != nil || err2 != nil {
		return nil
	}
	var all []carried
	if direction == "out" || direction == "both" {
		all = append(all, carried{line, here, there, true, bridge})
	}
	if direction == "in" || direction == "both" {
		all = append(all, carried{line, there, here, false, bridge})
	}
	return all
}

// bridgeLoops looks for messages that go out and are brought in again. One line with both is handled by the Server.
func bridgeLoops(c *confCheck) {
	var all []carried
	for _, b := range c.bridges {
		for _, line := range b.topics {
			all = append(all, directions(line, b.line.value)...)
		}
	}
	for _, out := range all {
		for _, in := range all {
			if !out.out || in.out || out.line == in.line {
				continue
			}
			if topic.Overlap(out.to, in.from) && topic.Overlap(in.to, out.from) {
				c.at(in.line)
				c.found("", "what line %d sends out comes in again here", out.line.place.Line)
			}
		}
	}
}

func bridgeLeaks(c *confCheck) {
	for _, b := range c.bridges {
		for _, line := range b.topics {
			for _, d := range directions(line, b.line.value) {
				if levels := d.from.Levels(); levels[len(levels)-1] == "#" && allPlus(levels[:len(levels)-1]) {
					c.at(line)
					c.found("all", "the bridge %s carries every topic", b.line.value)
					break
				}
			}
		}
		address := b.options["address"]
		if address == nil {
			address = b.options["addresses"]
		}
		tls := b.options["bridge_cafile"] != nil || b.options["bridge_capath"] != nil || b.options["bridge_psk"] != nil ||
			b.options["bridge_tls_use_os_certs"] != nil
		if address != nil && !tls && !strings.HasPrefix(address.value, "127.") && !strings.HasPrefix(address.value, "localhost") {
			c.at(b.line)
			c.found("tls", "the bridge %s to %s has no TLS", b.line.value, address.value)
		}
	}
}
