package commands

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/wire"
)

// checkFilters checks what flags say about the filters, when all of these are known.
func (o *subOptions) checkFilters(cmd *cobra.Command) error {
	if n := len(o.qos); n > 1 && n != len(o.filters) {
		return usageError(cmd, "--qos was given %d times for %s: give one for all, or one for each", n, count(len(o.filters), "filter"))
	}
	if given(cmd, "share") {
		if o.share == "" || strings.ContainsAny(o.share, "/+#") { // [MQTT-4.8.2-1]
			return usageError(cmd, "--share %q: a group has no /, + and #, and is not empty", o.share)
		}
		if o.retainedOnly || o.removeRetained { // MQTT 5, 4.8.2
			return usageError(cmd, "--share and --retained-only or --remove-retained exclude each other: shared subscriptions get no retained messages")
		}
	}
	for i, f := range o.filters {
		switch {
		case f.IsShared() && o.share != "":
			return usageError(cmd, "--share %s: the filter %q has a group already", o.share, f)
		case o.noLocal && (f.IsShared() || o.share != ""): // [MQTT-3.8.3-4]
			return usageError(cmd, "--no-local is a protocol error with the shared subscription %q", o.filterText(i))
		}
	}
	return nil
}

// filterText is a filter as it is sent.
func (o *subOptions) filterText(i int) string {
	if o.share != "" {
		return "$share/" + o.share + "/" + o.filters[i].String()
	}
	return o.filters[i].String()
}

// subscriptions are the filters with their options for a server of this version.
func (o *subOptions) subscriptions(v wire.Version) []wire.Subscription {
	subs := make([]wire.Subscription, len(o.filters))
	for i := range o.filters {
		subs[i] = wire.Subscription{
			Filter: o.filterText(i), QoS: o.qosOf(i), NoLocal: o.noLocal || o.removeRetained && v == wire.V5, RetainAsPublished: o.retainAsPublished,
			RetainHandling: o.retainHandling.value,
		}
		if o.noRetained && v == wire.V5 && !o.retainHandling.given {
			subs[i].RetainHandling = retainNever // spares both sides the messages that are not shown
		}
	}
	return subs
}

// qosOf is the highest QoS for a filter.
func (o *subOptions) qosOf(i int) byte {
	switch len(o.qos) {
	case 0:
		return 0
	case 1:
		return o.qos[0]
	default:
		return o.qos[i]
	}
}

// qosListFlag takes a QoS, repeatedly or with commas.
type qosListFlag struct{ list *[]byte }

// Set adds QoS values.
func (f qosListFlag) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		var q byte
		if err := (qosFlag{&q}).Set(strings.TrimSpace(word)); err != nil {
			return err
		}
		*f.list = append(*f.list, q)
	}
	return nil
}

// SetLine adds QoS values from the environment.
func (f qosListFlag) SetLine(s string) error { return f.Set(s) }

// String returns the values.
func (f qosListFlag) String() string {
	if f.list == nil {
		return ""
	}
	words := make([]string, len(*f.list))
	for i, q := range *f.list {
		words[i] = fmt.Sprint(q)
	}
	return strings.Join(words, ",")
}

// Type names the values in help.
func (qosListFlag) Type() string { return "0|1|2" }
