package profile

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Load reads a profile: see [Parse].
func Load(file string) (*Profile, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// Parse reads a profile with the files that it names, whose paths are relative to file. The error is a [*yamlfile.Error],
// which shows every mistake with its line. When all of them are unknown keys that
// can be left out, the profile comes as well.
func Parse(file string, text []byte) (*Profile, error) {
	r := &reader{
		Document: yamlfile.Parse(file, text), file: file, seen: map[string]bool{},
		p: &Profile{File: file, text: string(text), Seed: 1, Clock: Clock{Speed: 1}},
	}
	r.p.Target = Target{Protocol: "auto", ClientID: "{device}", CleanStart: true}
	r.read()
	err := r.Err()
	if r.incomplete || r.Invalid() {
		return nil, err
	}
	return r.p, err
}

func (r *reader) read() {
	body := r.Body()
	if body == nil {
		if r.Problems() == 0 {
			r.Problem(nil, "the file is empty", "begin with version: "+Version)
		}
		return
	}
	if _, ok := r.Pairs(body); !ok {
		r.Problem(body.GetToken(), "a mapping is expected", "begin with version: "+Version)
		return
	}
	whole := yamlfile.Pair{Name: r.file, Value: body}
	found := r.mapping(whole, r.fileFields()...)
	if _, ok := found["version"]; !ok {
		r.ProblemAt(1, 1, "version: is missing", "begin with version: "+Version)
	}
	for _, key := range []string{"name", "fleet", "devices"} {
		if _, ok := found[key]; !ok {
			r.ProblemAt(1, 1, key+": is missing", "")
		}
	}
	r.readFleet()
	r.readFaults()
	r.readExpect()
	for _, check := range r.checks {
		check()
	}
	if !r.incomplete && !r.Invalid() {
		r.checkDevices(found["fleet"])
	}
}

func (r *reader) fileFields() []field {
	p := r.p
	return []field{
		{"version", r.version},
		{"name", r.profileName},
		{"description", func(p yamlfile.Pair) error { _, err := r.Text(p.Value); return err }},
		{"seed", parsed(r, &p.Seed, parseSeed)},
		{"duration", r.duration(&p.Duration)},
		{"clock", r.clock},
		{"target", r.target},
		{"topics", r.topics},
		{"shared", func(pair yamlfile.Pair) error { r.each(pair, r.shared); return nil }},
		{"fleet", r.group},
		{"devices", func(pair yamlfile.Pair) error { r.each(pair, r.deviceType); return nil }},
		{"faults", r.laterFaults},
		{"limits", r.limits},
		{"expect", r.laterExpect},
		{"output", r.output},
	}
}

func (r *reader) version(p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	if err == nil && text != Version {
		err = yamlfile.Mistakef("this mqx reads "+Version, "%q is not known", text)
	}
	return err
}

// profileName reads the name, which is part of what decides every value: a plain word keeps it from changing by accident.
func (r *reader) profileName(p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	r.p.Name = text
	return err
}

func parseSeed(text string) (uint64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return uint64(n), nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}

func (r *reader) clock(p yamlfile.Pair) error {
	r.mapping(p, field{"speed", parsed(r, &r.p.Clock.Speed, parseSpeed)}, field{"start", parsed(r, &r.p.Clock.Start, parseStart)})
	return nil
}

// parseSpeed reads how fast simulated time goes: 60x.
func parseSpeed(text string) (float64, error) {
	n, err := parseNumber(strings.TrimSuffix(text, "x"))
	const fastest = 1e6
	if err != nil || n <= 0 || n > fastest {
		return 0, fmt.Errorf("%q is not a speed like 1x or 60x", text)
	}
	return n, nil
}

// parseStart reads when the run begins; now is the zero time.
func parseStart(text string) (time.Time, error) {
	if text == "now" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return time.Time{}, fmt.Errorf("%q is neither now nor a time like 2026-01-05T06:00:00Z", text)
	}
	return t.UTC(), nil
}

func (r *reader) target(p yamlfile.Pair) error {
	t := &r.p.Target
	t.At = r.place(p.Key)
	r.mapping(p,
		field{"broker", r.broker},
		field{"allow_hosts", func(p yamlfile.Pair) error {
			if err := r.texts(&t.AllowHosts)(p); err != nil {
				return err
			}
			for _, pattern := range t.AllowHosts {
				if _, err := path.Match(pattern, ""); err != nil {
					return yamlfile.Mistakef("", "%q is not a pattern of hosts", pattern)
				}
			}
			return nil
		}},
		field{"protocol", r.protocol},
		field{"keepalive", r.keepAlive},
		field{"client_id", func(p yamlfile.Pair) error { t.ClientIDAt = r.place(p.Key); return r.login(&t.ClientID)(p) }},
		field{"clean_start", r.boolean(&t.CleanStart)},
		field{"session_expiry", r.duration(&t.SessionExpiry)},
		field{"credentials", func(p yamlfile.Pair) error {
			r.mapping(p,
				field{"username", r.login(&t.Credentials.Username)},
				field{"password_env", r.login(&t.Credentials.PasswordEnv)},
				field{"cert", r.login(&t.Credentials.Cert)},
				field{"key", r.login(&t.Credentials.Key)},
			)
			return nil
		}},
	)
	return nil
}

// broker reads the address of the Server. A password in it would be one for all devices, and in a file that is shared.
func (r *reader) broker(p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.Scheme != "unix" {
		return yamlfile.Mistakef("", "not an address like mqtt://localhost:1883")
	}
	switch u.Scheme {
	case "mqtt", "mqtts", "ws", "wss", "unix":
	default:
		return yamlfile.Mistakef(yamlfile.DidYouMean(u.Scheme, []string{"mqtt", "mqtts", "ws", "wss", "unix"}), "%q is not known", u.Scheme)
	}
	if u.User != nil {
		return yamlfile.Mistakef("credentials: has username: and password_env:", "a login is no part of the address")
	}
	r.p.Target.Broker = text
	r.p.Target.At = r.place(p.Place())
	return nil
}

func (r *reader) protocol(p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	switch text {
	case "auto", "3.1", "3.1.1":
	case "5", "5.0", "mqttv5":
		text = "5"
	case "311", "4", "mqttv311":
		text = "3.1.1"
	case "31", "3", "mqttv31":
		text = "3.1"
	default:
		return yamlfile.Mistakef("auto, 5, 3.1.1 or 3.1", "%q is not known", text)
	}
	r.p.Target.Protocol = text
	return nil
}

func (r *reader) keepAlive(p yamlfile.Pair) error {
	err := r.duration(&r.p.Target.KeepAlive)(p)
	if err == nil && (r.p.Target.KeepAlive < time.Second || r.p.Target.KeepAlive > math.MaxUint16*time.Second) {
		err = yamlfile.Mistakef("", "between 1s and %ds is expected", math.MaxUint16)
	}
	return err
}

// login reads a text with variables that say which device it is.
func (r *reader) login(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := r.Text(p.Value)
		if err != nil {
			return err
		}
		_, err = expand(text, func(name, _ string) (string, bool) {
			switch name {
			case "device", "site", "root", "n", "boot", "random":
				return "", true
			}
			return "", false
		})
		if err != nil {
			return err
		}
		*dst = text
		return nil
	}
}

func (r *reader) topics(p yamlfile.Pair) error {
	r.mapping(p,
		field{"root", func(p yamlfile.Pair) error {
			if err := r.text(&r.p.Topics.Root)(p); err != nil {
				return err
			}
			_, err := topic.ParseName(r.p.Topics.Root)
			return err
		}},
		field{"base", func(p yamlfile.Pair) error {
			if err := r.text(&r.p.Topics.Base)(p); err != nil {
				return err
			}
			t, err := topic.ParseTemplate(r.p.Topics.Base)
			if err != nil {
				return err
			}
			if !strings.Contains("/"+t.String()+"/", "/{device}/") || strings.ContainsAny(t.String(), "+#") {
				return yamlfile.Mistakef(`like "{root}/{site}/{device}"`, "%q does not say which device it is", t)
			}
			return nil
		}},
	)
	return nil
}

func (r *reader) limits(p yamlfile.Pair) error {
	l := &r.p.Limits
	l.At = r.place(p.Key)
	r.mapping(p, field{"max_devices", r.integer(&l.MaxDevices, 1, math.MaxInt32)}, field{"max_rate", r.rate(&l.MaxRate)})
	return nil
}

func (r *reader) output(p yamlfile.Pair) error {
	o := &r.p.Output
	r.mapping(p,
		field{"summary", r.path(&o.Summary)}, field{"ledger", r.path(&o.Ledger)}, field{"junit", r.path(&o.JUnit)},
		field{"prometheus", r.text(&o.Prometheus)},
	)
	return nil
}

func (r *reader) laterFaults(p yamlfile.Pair) error {
	items, ok := r.Items(p.Value)
	if !ok {
		return yamlfile.Mistakef("- name: …", "a list is expected")
	}
	for _, item := range items {
		r.faults = append(r.faults, yamlfile.Pair{Name: "fault", Key: item.GetToken(), Value: item})
	}
	return nil
}

func (r *reader) laterExpect(p yamlfile.Pair) error {
	items, ok := r.Items(p.Value)
	if !ok {
		items = []ast.Node{p.Value}
	}
	r.expect = items
	return nil
}
