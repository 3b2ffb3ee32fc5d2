package tally

// QoSCounts are what became of the messages of one QoS.
type QoSCounts struct {
	// Sent are the messages that were handed to a connection, Copies what was sent of them beyond the first time. Dropped ones
	// the simulation left out on purpose, Unsent ones could not be sent.
	Sent    int64 `json:"sent"`
	Copies  int64 `json:"copies,omitempty"`
	Dropped int64 `json:"dropped,omitempty"`
	Unsent  int64 `json:"unsent,omitempty"`
	Bytes   int64 `json:"bytes"`
	// Acknowledged and Refused are the Server's answers, of messages at QoS 1 and 2.
	Acknowledged int64 `json:"acknowledged,omitempty"`
	Refused      int64 `json:"refused,omitempty"`
	// Unanswered are those that wait for the answer, without those whose connection a fault has ended.
	Unanswered int64 `json:"unanswered,omitempty"`
	// What follows a Watch has seen. What the simulation did on purpose is not among it.
	Arrived    int64 `json:"arrived,omitempty"`
	Lost       int64 `json:"lost,omitempty"`
	Duplicated int64 `json:"duplicated,omitempty"`
	Reordered  int64 `json:"reordered,omitempty"`
	Late       int64 `json:"late,omitempty"`
	Altered    int64 `json:"altered,omitempty"`
}

func (c *QoSCounts) add(o *QoSCounts) {
	c.Sent += o.Sent
	c.Copies += o.Copies
	c.Dropped += o.Dropped
	c.Unsent += o.Unsent
	c.Bytes += o.Bytes
	c.Acknowledged += o.Acknowledged
	c.Refused += o.Refused
	c.Unanswered += o.Unanswered
	c.Arrived += o.Arrived
	c.Lost += o.Lost
	c.Duplicated += o.Duplicated
	c.Reordered += o.Reordered
	c.Late += o.Late
	c.Altered += o.Altered
}

// negative reports whether there is a count that cannot be.
func (c *QoSCounts) negative() bool {
	return min(c.Sent, c.Copies, c.Dropped, c.Unsent, c.Bytes, c.Acknowledged, c.Refused, c.Unanswered, c.Arrived, c.Lost, c.Duplicated, c.Reordered,
		c.Late, c.Altered) < 0
}

// Counts are what happened in a part of a run.
type Counts struct {
	// QoS has the messages of QoS 0, 1 and 2.
	QoS [3]QoSCounts `json:"qos"`
	// Connects are the connections that came to stand, Reconnects those of devices that had one before. Failures are the
	// attempts that failed, Takeovers the connections that ended because another one took the Client Identifier.
	Connects    int64 `json:"connects"`
	Reconnects  int64 `json:"reconnects"`
	Disconnects int64 `json:"disconnects"`
	Failures    int64 `json:"connect_failures"`
	Takeovers   int64 `json:"takeovers"`
	// Received are the messages that came to devices.
	Received      int64 `json:"received"`
	ReceivedBytes int64 `json:"received_bytes"`
	// Presence is how often a device was seen to come or go.
	Presence int64 `json:"presence_changes"`
	// LintErrors and LintWarnings are findings in what was sent.
	LintErrors   int64 `json:"lint_errors"`
	LintWarnings int64 `json:"lint_warnings"`
}

func (c *Counts) add(o *Counts) {
	for q := range c.QoS {
		c.QoS[q].add(&o.QoS[q])
	}
	c.Connects += o.Connects
	c.Reconnects += o.Reconnects
	c.Disconnects += o.Disconnects
	c.Failures += o.Failures
	c.Takeovers += o.Takeovers
	c.Received += o.Received
	c.ReceivedBytes += o.ReceivedBytes
	c.Presence += o.Presence
	c.LintErrors += o.LintErrors
	c.LintWarnings += o.LintWarnings
}

func (c *Counts) negative() bool {
	for q := range c.QoS {
		if c.QoS[q].negative() {
			return true
		}
	}
	return min(c.Connects, c.Reconnects, c.Disconnects, c.Failures, c.Takeovers, c.Received, c.ReceivedBytes, c.Presence, c.LintErrors,
		c.LintWarnings) < 0
}

// All are the messages of all QoS together.
func (c *Counts) All() QoSCounts {
	var all QoSCounts
	for q := range c.QoS {
		all.add(&c.QoS[q])
	}
	return all
}

// Errors is everything that went wrong between the devices and the Server: connections that failed, messages that were
// refused or could not be sent.
func (c *Counts) Errors() int64 {
	all := c.All()
	return c.Failures + all.Refused + all.Unsent
}
