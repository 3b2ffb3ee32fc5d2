package mosquittoconf

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// conf is a mosquitto.conf that is being written.
type conf struct{ strings.Builder }

// set writes an option.
func (c *conf) set(option string, value any) { fmt.Fprintf(c, "%s %v\n", option, value) }

// say writes a comment above the options that follow, with an empty line before.
func (c *conf) say(lines ...string) {
	c.WriteByte('\n')
	for _, line := range lines {
		c.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
}

// Conf is the mosquitto.conf. Hidden says that the listeners are behind something that lets only the right ones through, such
// as the published ports of a container: mqx lint then says nothing of addresses that all could reach.
func (s *Server) Conf(hidden string) []byte {
	c := &conf{}
	s.differences(c)
	s.access(c)
	s.limits(c)
	s.durability(c)
	c.say("What it says of itself.")
	c.set("sys_interval", int((s.SysInterval+time.Second-1)/time.Second))
	c.set("log_dest", "stderr")
	for _, l := range s.Listeners {
		c.WriteByte('\n')
		s.listener(c, l, hidden)
	}
	if s.Bridge != nil {
		s.Bridge.write(c)
	}

	return []byte(c.String())
}

// differences says in the file what Mosquitto does otherwise, as far as this configuration meets it.
func (s *Server) differences(c *conf) {
	c.WriteString("# mosquitto.conf for Mosquitto 2.0, written by mqx broker export.\n#\n# Mosquitto does otherwise than mqx broker:\n")
	if s.ACL != "" {
		c.WriteString("# - A SUBSCRIBE that the access list forbids is granted and brings nothing.\n" +
			"# - A Will Message that the client may not publish is taken at CONNECT, and dropped when it is due.\n")
	}
	c.WriteString("# - When a queue is full, messages at QoS 1 and 2 are dropped, too, and the client is not told.\n" +
		"# - A client that is thrown out by another one with its identifier is not told why.\n" +
		"# - A publish with the User Property mqx-if-rev is carried out without comparing.\n")
	if s.Data != "" {
		fmt.Fprintf(c, "# - What it keeps is written every %d s and when it ends; what it acknowledged in between is lost when it is killed.\n", autosave)
	}
	c.WriteString("#\n# Started by root it becomes the user mosquitto, who must be able to read the files that are named here.\n")
}

func (s *Server) access(c *conf) {
	c.say("Who gets in, and may do what.")
	c.set("per_listener_settings", false)
	c.set("allow_anonymous", s.Anonymous)
	if s.Users != "" {
		c.set("password_file", s.Users)
	}
	if s.ACL != "" {
		c.set("acl_file", s.ACL)
	}
}

func (s *Server) limits(c *conf) {
	c.say("What clients may ask for.")
	c.set("max_packet_size", min(cmp.Or(s.Limits.PacketSize, largestPacket), largestPacket))
	c.set("max_inflight_messages", s.Limits.Inflight)
	c.set("max_queued_messages", s.Limits.QueuedMessages)
	c.set("max_queued_bytes", s.Limits.QueuedBytes)
	c.set("max_keepalive", cmp.Or(s.Limits.KeepAlive, longestKeepAlive))
	c.set("set_tcp_nodelay", true)
}

func (s *Server) durability(c *conf) {
	if s.Data == "" {
		c.say("Nothing outlives the process.")
		c.set("persistence", false)
	} else {
		c.say("What outlives the process.")
		c.set("persistence", true)
		c.set("persistence_location", strings.TrimRight(s.Data, "/")+"/")
		c.set("autosave_interval", autosave)
	}
	c.say("Sessions of clients that never come back end after this time; mqx broker keeps those below MQTT 5 for ever.")
	c.set("persistent_client_expiration", "1y")
}

func (s *Server) listener(c *conf, l Listener, hidden string) {
	if hidden != "" && l.Port != 0 {
		fmt.Fprintf(c, "# mqx:ignore[B001,B002] %s\n", hidden)
	}
	c.set("listener", strings.TrimRight(fmt.Sprintf("%d %s", l.Port, l.Address), " "))
	if l.WebSocket {
		c.set("protocol", "websockets")
	}
	if s.Limits.Clients > 0 {
		c.set("max_connections", s.Limits.Clients)
	}
	if !l.TLS {
		return
	}
	c.set("certfile", s.TLS.Cert)
	c.set("keyfile", s.TLS.Key)
	if s.TLS.ClientCA != "" {
		c.set("cafile", s.TLS.ClientCA)
		c.set("require_certificate", true)
		c.set("use_identity_as_username", true)
	}
}

func (b *Bridge) write(c *conf) {
	c.say("The other Server. MQTT 5 keeps the properties of messages; write mqttv311 if it does not speak that.")
	c.set("connection", b.Name)
	c.set("address", b.Address)
	c.set("bridge_protocol_version", "mqttv50")
	c.set("cleansession", false)
	c.set("notifications", false)
	if b.Username != "" {
		c.set("remote_username", b.Username)
	}
	if b.Password != "" {
		c.set("remote_password", b.Password)
	}
	switch {
	case b.TLS && b.CA != "":
		c.set("bridge_cafile", b.CA)
	case b.TLS:
		c.set("bridge_capath", systemCAs)
	}
	for _, t := range b.Topics {
		fmt.Fprintf(c, "topic %s %s 1\n", t.Filter, t.Direction)
	}
}
