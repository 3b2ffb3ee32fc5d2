package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Single is the profile of one device of the guide: it takes every setting and every command, and sends the signals, which
// are written as [NAME[UNIT]=GENERATOR[:VALUES][@EVERY]]: temp[C]=walk:18..26@2s. Vars are the variables of its base
// topic. Values have the form that they have in a file of YAML; commas separate what pick picks from. An error names the
// signal that it is about.
func Single(vars map[string]string, signals []string) (*Profile, error) {
	t := newDeviceType("device")
	t.Desired.Any, t.Desired.Ack = true, "both"
	if len(signals) > 0 {
		var err error
		if t.Signals, err = parseSignals(signals); err != nil {
			return nil, err
		}
	}
	p := &Profile{Name: t.Name, Seed: 1, Clock: Clock{Speed: 1}, Types: []*DeviceType{t}}
	return p.Alone(t, vars), nil
}

// parseSignals has the signals read as if they stood in a file, one a line.
func parseSignals(signals []string) ([]*Signal, error) {
	const above = "version: " + Version + "\nname: device\nfleet: [{use: device}]\ndevices:\n  device:\n    telemetry:\n"
	var file strings.Builder
	file.WriteString(above)
	names := map[string]bool{}
	for _, text := range signals {
		name := text[:max(0, strings.IndexAny(text, "[="))]
		if names[name] {
			return nil, fmt.Errorf("%q: there is a signal %s already", text, name)
		}
		names[name] = true
		line, err := signalLine(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		file.WriteString("      " + line + "\n")
	}
	p, err := Parse("", []byte(file.String()))
	if wrong, ok := errors.AsType[*yamlfile.Error](err); ok {
		problem := wrong.Problems[0]
		about := signals[min(max(0, problem.Line-1-strings.Count(above, "\n")), len(signals)-1)]
		why := problem.Msg
		if problem.Next != "" {
			why += " - " + problem.Next
		}
		return nil, fmt.Errorf("%q: %s", about, why)
	}
	if err != nil {
		return nil, err
	}
	return p.Types[0].Signals, nil
}

// signalLine is a signal as YAML.
func signalLine(text string) (string, error) {
	name, how, ok := strings.Cut(text, "=")
	if !ok || name == "" || how == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("a signal like temp[C]=walk:18..26@2s is expected")
	}
	var unit string
	if before, inside, has := strings.Cut(name, "["); has {
		unit, ok = strings.CutSuffix(inside, "]")
		if !ok || before == "" {
			return "", errors.New("a unit is written in brackets after the name, as in temp[C]")
		}
		name = before
	} else {
		unit = usualUnit(name)
	}
	every := "10s"
	if at := strings.LastIndexByte(how, '@'); at >= 0 && !strings.ContainsAny(how[at:], `}]"'`) {
		how, every = how[:at], how[at+1:]
	}
	if unit != "" {
		unit = "unit: " + quoted(unit) + ", "
	}
	return fmt.Sprintf("%s: {every: %s, schema: %s, %svalue: %s}", quoted(name), quoted(every), quoted(name+".v1"), unit, valueText(how)), nil
}

// valueText is a generator with its values as YAML, or a constant.
func valueText(how string) string {
	kind, values, ok := strings.Cut(how, ":")
	switch {
	case !ok:
		return scalarText(how)
	case kind == "pick" || kind == "enum":
		if !strings.ContainsAny(values[:min(1, len(values))], "[{") {
			picks := strings.Split(values, ",")
			for i := range picks {
				picks[i] = scalarText(strings.TrimSpace(picks[i]))
			}
			values = "[" + strings.Join(picks, ", ") + "]"
		}
	default:
		values = scalarText(values)
	}
	return "{" + quoted(kind) + ": " + values + "}"
}

// scalarText quotes what is neither a number, a boolean nor a list or mapping.
func scalarText(text string) string {
	if _, err := exact(text); err == nil || text == "true" || text == "false" {
		return text
	}
	if text != "" && strings.ContainsRune(`{["'`, rune(text[0])) {
		return text
	}
	return quoted(text)
}

// quoted is a text as JSON and YAML write it.
func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

// usualUnit is the unit of a signal whose name says what it is; empty where it does not.
func usualUnit(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "_")
	switch name {
	case "temp", "temperature":
		return "C"
	case "humidity", "hum", "rh", "battery", "soc", "level":
		return "%"
	case "pressure":
		return "Pa"
	case "voltage":
		return "V"
	case "current":
		return "A"
	case "power":
		return "W"
	case "energy":
		return "kWh"
	case "co2":
		return "ppm"
	case "rssi":
		return "dBm"
	case "speed":
		return "m/s"
	default:
		return ""
	}
}
