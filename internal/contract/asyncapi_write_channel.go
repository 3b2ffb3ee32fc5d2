package contract

import (
	"maps"
	"slices"
	"strings"
)

// channelKey is the name of a kind as a part of a $ref.
func channelKey(k *Kind) string { return strings.ReplaceAll(k.Name, "/", "-") }

func (a *asyncWriter) channels() object {
	channels := object{}
	for _, k := range a.c.Kinds {
		channel := object{pair("address", a.address(k))}
		if k.Description != "" {
			channel = append(channel, pair("description", k.Description))
		}
		var parameters object
		for _, name := range k.Template.Vars() {
			parameters = append(parameters, pair(name, object{pair("$ref", "#/components/parameters/"+name)}))
		}
		if parameters != nil {
			channel = append(channel, pair("parameters", parameters))
		}
		channel = append(channel, pair("messages", object{pair("message", a.message(k))}))
		if extra := a.channelExtension(k); extra != nil {
			channel = append(channel, pair(extension, extra))
		}
		channels = append(channels, pair(channelKey(k), channel))
	}
	return channels
}

// address is the template of a kind. Parameters of several levels and wildcards are unknown to AsyncAPI.
func (a *asyncWriter) address(k *Kind) string {
	text := k.Template.String()
	if strings.ContainsAny(text, "+#") {
		a.note(k.At, "the address %s has a wildcard, which AsyncAPI does not know", text)
	}
	return strings.Replace(text, "...}", "}", 1)
}

// message is what the messages of a kind are.
func (a *asyncWriter) message(k *Kind) object {
	rule := k.Rule
	m := object{pair("name", k.Name)}
	if media := mediaType(rule.Format); media != "" {
		m = append(m, pair("contentType", media))
	}
	s := a.c.SchemaFor(rule, "")
	switch {
	case s != nil && a.names[s.Name] != "":
		m = append(m, pair("payload", object{pair("$ref", "#/components/schemas/"+a.names[s.Name])}))
	case rule.listsTexts():
		m = append(m, pair("payload", object{pair("type", "string"), pair("enum", rule.Values)}))
	case rule.Require != nil:
		m = append(m, pair("payload", requiredSchema(rule.Require)))
	}
	var extra object
	if rule.Require != nil {
		extra = append(extra, pair("require", rule.Require))
	}
	if s != nil && s.Name != rule.Schema {
		extra = append(extra, pair("schema", rule.Schema))
	}
	if extra != nil {
		m = append(m, pair(extension, extra))
	}
	return m
}

// requiredSchema is the JSON Schema of an object with members that must be there. "value" may be v as well.
func requiredSchema(members []string) object {
	s := object{pair("type", "object")}
	plain := slices.DeleteFunc(slices.Clone(members), func(m string) bool { return m == "value" })
	if len(plain) > 0 {
		s = append(s, pair("required", plain))
	}
	if len(plain) < len(members) {
		s = append(s, pair("anyOf", []object{{pair("required", []string{"v"})}, {pair("required", []string{"value"})}}))
	}
	return s
}

// channelExtension is what AsyncAPI has no words for in a kind.
func (a *asyncWriter) channelExtension(k *Kind) object {
	var extra object
	if channelKey(k) != k.Name {
		extra = append(extra, pair("kind", k.Name))
	}
	if text := k.Template.String(); strings.Contains(text, "...}") {
		extra = append(extra, pair("topic", text))
	}
	if k.Role != Other && k.Role != RoleOf(k.Name) && k.Role != a.c.roleOfAddress(k.Template.String()) {
		extra = append(extra, pair("role", string(k.Role)))
	}
	extra = append(extra, ruleExtension(k.Rule)...)
	if k.Role == Telemetry && slices.Contains(k.Template.Vars(), "signal") && len(a.c.Signals) > 0 {
		extra = append(extra, pair("signals", a.signals()))
	}
	return extra
}

// signals are the rules for single signals, as a contract file has them.
func (a *asyncWriter) signals() object {
	var signals object
	for _, s := range a.c.Signals {
		rule := wholeRule(s.Rule)
		if rule == nil {
			signals = append(signals, pair(s.Name, nil))
			continue
		}
		signals = append(signals, pair(s.Name, rule))
	}
	return signals
}

// wholeRule is a rule as a contract file has it.
func wholeRule(r Rule) object {
	rule := ruleExtension(r)
	if r.Retain == RetainMust || r.Retain == RetainNever {
		rule = append(rule, pair("retain", r.Retain == RetainMust))
	}
	if r.QoS >= 0 {
		rule = append(rule, pair("qos", int(r.QoS)))
	}
	if r.Format != "" && r.Format != AnyBytes {
		rule = append(rule, pair("format", string(r.Format)))
	}
	if r.Require != nil {
		rule = append(rule, pair("require", r.Require))
	}
	if r.listsTexts() {
		rule = append(rule, pair("values", r.Values))
	}
	if r.Schema != "" {
		rule = append(rule, pair("schema", r.Schema))
	}
	return rule
}

// listsTexts reports whether a payload can be said by a schema that lists texts.
func (r Rule) listsTexts() bool { return r.Format == Text && r.Values != nil && r.Schema == "" }

// ruleExtension is what of a rule neither a message nor a binding of AsyncAPI can say.
func ruleExtension(r Rule) object {
	var extra object
	if r.Retain == RetainLast || r.Retain == RetainAny {
		extra = append(extra, pair("retain", string(r.Retain)))
	}
	if r.QoS == QoSAny {
		extra = append(extra, pair("qos", "any"))
	}
	if r.Format == AnyBytes {
		extra = append(extra, pair("format", string(AnyBytes)))
	}
	if r.Values != nil && !r.listsTexts() {
		extra = append(extra, pair("values", r.Values))
	}
	if r.Unit != "" {
		extra = append(extra, pair("unit", r.Unit))
	}
	if r.MaxBytes > 0 {
		extra = append(extra, pair("max_bytes", r.MaxBytes))
	}
	if all, alone := r.Tolerance[""]; alone {
		extra = append(extra, pair("tolerance", all))
	} else if r.Tolerance != nil {
		var settings object
		for _, name := range slices.Sorted(maps.Keys(r.Tolerance)) {
			settings = append(settings, pair(name, r.Tolerance[name]))
		}
		extra = append(extra, pair("tolerance", settings))
	}
	return extra
}

// operations say who publishes: what a device sends is written by it, what it receives by others.
func (a *asyncWriter) operations() object {
	operations := object{}
	for _, k := range a.c.Kinds {
		for _, action := range []string{"send", "receive"} {
			if k.From == FromDevice && action == "receive" || k.From == FromService && action == "send" {
				continue
			}
			operation := object{
				pair("action", action),
				pair("channel", object{pair("$ref", "#/channels/"+channelKey(k))}),
			}
			if binding := mqttBinding(k.Rule); binding != nil {
				operation = append(operation, pair("bindings", object{pair("mqtt", append(binding, pair("bindingVersion", "0.2.0")))}))
			}
			operations = append(operations, pair(action+"-"+channelKey(k), operation))
		}
	}
	return operations
}

func mqttBinding(r Rule) object {
	var binding object
	if r.QoS >= 0 {
		binding = append(binding, pair("qos", int(r.QoS)))
	}
	if r.Retain == RetainMust || r.Retain == RetainNever {
		binding = append(binding, pair("retain", r.Retain == RetainMust))
	}
	return binding
}
