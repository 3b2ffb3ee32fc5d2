package lint

import (
	"fmt"
	"slices"
)

// Target is a Server whose limits topics must stay in.
type Target string

// The targets.
const (
	AnyTarget Target = ""
	Mosquitto Target = "mosquitto"
	EMQX      Target = "emqx"
	HiveMQ    Target = "hivemq"
	NATS      Target = "nats"
	RabbitMQ  Target = "rabbitmq"
	AWS       Target = "aws"
)

// ParseTarget returns the target that a word stands for.
func ParseTarget(word string) (Target, error) {
	if t := Target(word); slices.Contains(Targets(), t) {
		return t, nil
	}
	return AnyTarget, fmt.Errorf("%q is not mosquitto, emqx, hivemq, nats, rabbitmq or aws", word)
}

// Targets returns all targets but AnyTarget.
func Targets() []Target { return []Target{Mosquitto, EMQX, HiveMQ, NATS, RabbitMQ, AWS} }

// limits are what a Server takes; 0 says nothing.
type limits struct {
	target       Target
	slashes      int // in a topic
	bytes        int // of a topic
	payload      int
	noSpace      bool
	noDot        bool
	maxQoS       byte
	breaksRetain string // what it does to retained messages, "" for nothing
}

const (
	defaultSlashes = 7
	defaultBytes   = 128
	defaultPayload = 8 << 10
)

func limitsOf(t Target) limits {
	l := limits{target: t, maxQoS: 2}
	switch t {
	case Mosquitto:
		l.slashes = 199
	case EMQX:
		l.slashes, l.payload = 127, 1<<20
	case HiveMQ:
	case NATS:
		l.noSpace, l.noDot = true, true
	case RabbitMQ:
		l.noDot, l.breaksRetain = true, "keeps retained messages on one node and does not send them for filters with wildcards"
	case AWS:
		l.slashes, l.bytes, l.payload, l.maxQoS = 7, 256, 128<<10, 1
	case AnyTarget:
	}
	return l
}

// severity raises the severity of rules that the target enforces.
func (l *limits) severity(code string) Severity {
	switch {
	case code == "T011" && l.noSpace:
		return Error
	case code == "T034" && l.target != AnyTarget:
		return Error
	default:
		return Off
	}
}
