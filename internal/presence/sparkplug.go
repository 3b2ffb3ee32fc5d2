package presence

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	spb "github.com/mqx-cli/mqx/internal/sparkplug"
)

// sparkplug is Sparkplug B: NBIRTH and NDEATH of an edge node, which have the same metric bdSeq when they are of one
// connection, DBIRTH and DDEATH of the devices behind it, and STATE of hosts. Only STATE is retained, so that the others are
// seen as they happen. Nodes are called {group}/{node}, devices {group}/{node}/{device}, hosts STATE/{host}.
type sparkplug struct{ namespace string }

// Filters returns the topics of births and deaths, and those of data.
func (s *sparkplug) Filters(name string) Filters {
	levels := strings.Split(name, "/")
	const node, device = 2, 3
	host := "+"
	switch {
	case levels[0] == "STATE" && len(levels) == node:
		return Filters{Status: []string{under(s.namespace, "STATE", levels[1])}}
	case name == AllDevices || len(levels) < node || len(levels) > device:
		levels = []string{"+", "+", "+"}
	case len(levels) == node:
		host, levels = "", append(levels, "+")
	default:
		host = ""
	}
	topicOf := func(kind string, levels ...string) string {
		return under(s.namespace, levels[0], kind, strings.Join(levels[1:], "/"))
	}
	nodeLevels := levels[:node]
	f := Filters{
		Status:  []string{topicOf("NBIRTH", nodeLevels...), topicOf("NDEATH", nodeLevels...), topicOf("DBIRTH", levels...), topicOf("DDEATH", levels...)},
		Traffic: []string{topicOf("NDATA", nodeLevels...), topicOf("DDATA", levels...)},
	}
	if host != "" {
		f.Status = append(f.Status, under(s.namespace, "STATE", host))
	}
	return f
}

// Full takes the namespace off, which no name has.
func (s *sparkplug) Full(name string) string { return strings.TrimPrefix(name, s.namespace+"/") }

// Read reads births, deaths, data and STATE.
func (s *sparkplug) Read(m message.Message) Reading {
	levels, ok := below(s.namespace, m.Topic)
	if !ok {
		return Reading{}
	}
	if levels[0] == "STATE" && len(levels) == 2 {
		return hostState(levels, m)
	}
	const ofNode, ofDevice = 3, 4
	if len(levels) != ofNode && len(levels) != ofDevice {
		return Reading{}
	}
	node := levels[0] + "/" + levels[2]
	isNode := len(levels) == ofNode
	name := node
	if !isNode {
		name += "/" + levels[3]
	}
	switch kind := levels[1]; {
	case kind == "NBIRTH" && isNode, kind == "NDEATH" && isNode:
		return nodeReading(name, kind == "NBIRTH", m)
	case kind == "DBIRTH" && !isNode, kind == "DDEATH" && !isNode:
		r := Report{Device: name, Word: SaysOnline, Text: kind, Stored: m.Retain}
		if kind == "DDEATH" {
			r.Word, r.Will = SaysOffline, Goodbye // its node says so
		}
		return Reading{Links: []Link{{Device: name, Parent: node}}, Reports: []Report{r}, Alive: []string{node}}
	case m.Retain:
	case kind == "NDATA" && isNode:
		return Reading{Alive: []string{name}}
	case kind == "DDATA" && !isNode:
		return Reading{Links: []Link{{Device: name, Parent: node}}, Alive: []string{name, node}}
	}
	return Reading{}
}

// nodeReading reads NBIRTH and NDEATH.
func nodeReading(name string, birth bool, m message.Message) Reading {
	bdSeq, made, err := readBdSeq(m.Payload)
	if err != nil {
		return Reading{Fault: &Fault{Device: name, Why: err.Error()}}
	}
	r := Report{Device: name, Word: SaysOnline, Text: "NBIRTH", Session: bdSeq, Stored: m.Retain}
	if birth {
		r.Made = made // that of a Will Message is the time of the connection
	} else {
		r.Word, r.Text, r.Will, r.Cascade = SaysOffline, "NDEATH", MaybeWill, true
	}
	return Reading{Reports: []Report{r}}
}

// hostState reads STATE of a host: {"online":true,"timestamp":…}. Birth and Will Message have the same timestamp.
func hostState(levels []string, m message.Message) Reading {
	name := strings.Join(levels, "/")
	if len(m.Payload) == 0 {
		return Reading{Reports: []Report{{Device: name, Word: SaysNothing, Stored: m.Retain}}}
	}
	if len(m.Payload) > maxStatus {
		return Reading{Fault: &Fault{Device: name, Why: "too many bytes for a STATE"}}
	}
	online, found, err := payload.Lookup(m.Payload, "online")
	isOnline, isBool := online.(bool)
	if err != nil || !found || !isBool {
		return Reading{Fault: &Fault{Device: name, Why: `it is no JSON object with "online" true or false`}}
	}
	r := Report{Device: name, Word: SaysOnline, Text: "online", Stored: m.Retain}
	if !isOnline {
		r.Word, r.Text = SaysOffline, "offline"
	}
	if stamp, found, err := payload.Lookup(m.Payload, "timestamp"); err == nil && found {
		r.Session = textOf(stamp)
		if ms, err := strconv.ParseInt(r.Session, 10, 64); err == nil && isOnline {
			r.Made = time.UnixMilli(ms).UTC()
		}
	}
	return Reading{Reports: []Report{r}}
}

// The fields of the Sparkplug B payload that are read (Sparkplug 3.0, section 6.4).
const (
	fieldTimestamp = 1
	fieldMetrics   = 2
	fieldName      = 1
	fieldInt       = 10
	fieldLong      = 11
)

// readBdSeq finds the value of the metric bdSeq, empty when there is none, and the timestamp of a payload.
func readBdSeq(p []byte) (bdSeq string, made time.Time, err error) {
	err = spb.EachField(p, func(field protowire.Number, number uint64, bytes []byte) error {
		switch {
		case field == fieldTimestamp && bytes == nil:
			made = time.UnixMilli(int64(number)).UTC()
		case field == fieldMetrics && bytes != nil:
			value, isBdSeq, err := readMetric(bytes)
			if isBdSeq {
				bdSeq = strconv.FormatUint(value, 10)
			}
			return err
		}
		return nil
	})
	return bdSeq, made, err
}

// readMetric returns the integer value of a metric, and whether it is bdSeq.
func readMetric(p []byte) (value uint64, isBdSeq bool, err error) {
	err = spb.EachField(p, func(field protowire.Number, number uint64, bytes []byte) error {
		switch {
		case field == fieldName && bytes != nil:
			isBdSeq = string(bytes) == "bdSeq"
		case (field == fieldInt || field == fieldLong) && bytes == nil:
			value = number
		}
		return nil
	})
	return value, isBdSeq, err
}
