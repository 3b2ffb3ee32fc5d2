package contract

import "github.com/mqx-cli/mqx/internal/yamlfile"

func (a *asyncReader) server(p yamlfile.Pair, path []string) error {
	s := Server{Name: p.Name, At: a.place(p.Key)}
	a.object(p, path, asyncKeys{
		used:   []string{"host", "protocol", "security", "bindings"},
		silent: []string{"protocolVersion", "pathname"},
		left:   []string{"variables"},
	}, func(p yamlfile.Pair, path []string) error {
		switch p.Name {
		case "host":
			return a.text(&s.Host)(p, path)
		case "protocol":
			return a.text(&s.Protocol)(p, path)
		case "security":
			s.Secured = true
		case "bindings":
			return a.mqttBinding(p, path, asyncKeys{
				used: []string{"lastWill"}, silent: []string{"bindingVersion"},
				left: []string{"clientId", "cleanSession", "keepAlive", "sessionExpiryInterval", "maximumPacketSize"},
			}, func(p yamlfile.Pair, path []string) error { return a.will(&s, p, path) })
		}
		return nil
	})
	a.c.Servers = append(a.c.Servers, s)
	return nil
}

func (a *asyncReader) will(s *Server, p yamlfile.Pair, path []string) error {
	w := &Will{QoS: QoSUnset, At: a.place(p.Key)}
	a.object(p, path, asyncKeys{used: []string{"topic", "message", "qos", "retain"}}, func(p yamlfile.Pair, path []string) (err error) {
		switch p.Name {
		case "topic":
			return a.text(&w.Topic)(p, path)
		case "message":
			return a.text(&w.Message)(p, path)
		case "qos":
			w.QoS, err = a.qos(p.Value)
		case "retain":
			var rule Retain
			rule, err = a.retain(p.Value)
			w.Retain = rule == RetainMust
		}
		return err
	})
	s.Will = w
	return nil
}

// mqttBinding reads the bindings of MQTT. Those of other protocols say nothing about MQTT.
func (a *asyncReader) mqttBinding(p yamlfile.Pair, path []string, keys asyncKeys, set setFunc) error {
	p.Value = a.follow(p)
	if p.Value == nil {
		return nil
	}
	a.everyKey(p, path, func(p yamlfile.Pair, path []string) error {
		if p.Name == "mqtt" || p.Name == "mqtt5" {
			a.object(p, path, keys, set)
		}
		return nil
	})
	return nil
}
