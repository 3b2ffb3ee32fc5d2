package lint

import (
	"net"
	"strings"
)

// confLine is an option of mosquitto.conf.
type confLine struct {
	key, value string
	raw        string // with its indentation and line end
	place      Place
}

// confListener is a listener with its options. The first one holds what stands before any listener.
type confListener struct {
	line    *confLine // nil for the options before the first listener
	port    string
	address string
	options map[string]*confLine
}

// confBridge is a bridge section.
type confBridge struct {
	line    *confLine
	options map[string]*confLine
	topics  []*confLine
}

// confCheck is a mosquitto.conf under check.
type confCheck struct {
	finder

	file      string
	lines     []confLine
	global    map[string]*confLine
	listeners []*confListener
	bridges   []*confBridge
	faults    []includeFault
	unseen    bool // an include_dir, or a file in one, could not be read
}

// MosquittoConf checks a mosquitto.conf.
func (l *Linter) MosquittoConf(file, text string) {
	c := &confCheck{finder: finder{l: l}, file: file, global: map[string]*confLine{}}
	c.read(file, text, false)
	l.checked += len(c.lines)
	c.sections()
	for _, a := range l.conf {
		c.rule = a
		a.conf(c)
	}
}

// read takes the lines of a file, and of those that it includes.
func (c *confCheck) read(file, text string, included bool) {
	var ignore *suppression
	number, offset := 0, 0
	for line := range strings.Lines(text) {
		number++
		at := Place{File: file, Line: number, span: spanOf(offset, line)}
		offset = at.span.next
		raw := line
		line = strings.TrimSpace(line)
		at.Text = line
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			ignore = c.l.comment(Conf, line, at)
		default:
			at.ignore, ignore = ignore, nil
			key, value, _ := strings.Cut(line, " ")
			option := confLine{key: key, value: strings.TrimSpace(value), raw: raw, place: at}
			c.lines = append(c.lines, option)
			switch {
			case key != "include_dir":
			case included:
				c.faults = append(c.faults, includeFault{option, Warning, "an include_dir in an included file is passed over by Mosquitto"})
			default:
				c.include(option)
			}
		}
	}
}

// sections gives the lines to the listeners and bridges they belong to.
func (c *confCheck) sections() {
	var listener *confListener
	var bridge *confBridge
	for i := range c.lines {
		line := &c.lines[i]
		switch line.key {
		case "listener":
			listener, bridge = newListener(line), nil
			c.listeners = append(c.listeners, listener)
		case "connection":
			bridge = &confBridge{line: line, options: map[string]*confLine{}}
			c.bridges = append(c.bridges, bridge)
		case "topic":
			if bridge != nil {
				bridge.topics = append(bridge.topics, line)
			}
		default:
			c.assign(line, listener, bridge)
		}
	}
}

func (c *confCheck) assign(line *confLine, listener *confListener, bridge *confBridge) {
	switch {
	case bridge != nil && strings.HasPrefix(confScope(line.key), "bridge"):
		bridge.options[line.key] = line
	case listener != nil && confScope(line.key) == "listener":
		listener.options[line.key] = line
	default:
		c.global[line.key] = line
		if line.key == "port" {
			l := newListener(line)
			l.port, l.options = line.value, c.global
			c.listeners = append(c.listeners, l)
		}
	}
}

func newListener(line *confLine) *confListener {
	port, address, _ := strings.Cut(line.value, " ")
	return &confListener{line: line, port: port, address: strings.TrimSpace(address), options: map[string]*confLine{}}
}

// loopback reports whether only this machine can reach a listener.
func (l *confListener) loopback() bool {
	address := l.address
	if bind := l.options["bind_address"]; bind != nil {
		address = bind.value
	}
	if l.port == "0" || strings.HasPrefix(address, "/") || address == "localhost" {
		return true // a Unix socket
	}
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}

// option is the line that sets an option for a listener, or for the Server as a whole; nil when there is none.
func (c *confCheck) option(l *confListener, key string) *confLine {
	if l != nil && l.options[key] != nil {
		return l.options[key]
	}
	return c.global[key]
}

// value is the value of an option of a listener, or of the global one.
func (c *confCheck) value(l *confListener, key string) string {
	if line := c.option(l, key); line != nil {
		return line.value
	}
	return ""
}

// at makes a line the place of what is found next; nil is the file as a whole.
func (c *confCheck) at(line *confLine) {
	c.subject = subject{kind: Conf, place: Place{File: c.file}}
	if line != nil {
		c.place = line.place
	}
}

// lacks reports whether an option is missing. It may stand in a file of an include_dir that could not be read.
func (c *confCheck) lacks(key string) bool { return c.global[key] == nil && !c.unseen }

// is reports whether a global option has a value.
func (c *confCheck) is(key, value string) bool {
	line := c.global[key]
	return line != nil && line.value == value
}

// confScope says where an option of mosquitto.conf belongs: global, listener or bridge, "" for one that does not exist.
func confScope(key string) string {
	switch {
	case strings.HasPrefix(key, "auth_opt_"), strings.HasPrefix(key, "plugin_opt_"):
		return "global"
	case strings.HasPrefix(key, "bridge_"):
		if confWord("bridge_alpn bridge_attempt_unsubscribe bridge_bind_address bridge_cafile bridge_capath bridge_certfile "+
			"bridge_identity bridge_insecure bridge_keyfile bridge_max_packet_size bridge_max_topic_alias bridge_outgoing_retain "+
			"bridge_protocol_version bridge_psk bridge_receive_maximum bridge_reload_type bridge_require_ocsp bridge_session_expiry_interval "+
			"bridge_tcp_keepalive bridge_tcp_user_timeout bridge_tls_version bridge_tls_use_os_certs bridge_ciphers bridge_ciphers_tls1.3", key) {
			return "bridge"
		}
		return ""
	case confWord("address addresses cleansession clientid connection idle_timeout keepalive_interval local_cleansession "+
		"local_clientid local_password local_username notification_topic notifications notifications_local_only password "+
		"remote_clientid remote_password remote_username restart_timeout round_robin start_type threshold topic try_private username "+
		"ciphers_bridge", key):
		return "bridge"
	case confWord("listener bind_interface http_dir max_topic_alias max_topic_alias_broker mount_point protocol socket_domain "+
		"use_username_as_clientid use_identity_as_username use_subject_as_username cafile capath certfile keyfile ciphers "+
		"ciphers_tls1.3 crlfile dhparamfile disable_client_cert_date_checks require_certificate tls_engine tls_engine_kpass_sha1 "+
		"tls_keyform tls_version psk_hint websockets_headers_size websockets_origin websockets_log_level enable_proxy_protocol "+
		"proxy_protocol_v2_require_tls accept_protocol_versions listener_allow_anonymous listener_auto_id_prefix bind_address "+
		"max_connections max_qos maximum_qos port", key):
		return "listener"
	case confWord("acl_file allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_plugin "+
		"auth_plugin_deny_special_chars auto_id_prefix autosave_interval autosave_on_changes check_retain_source clientid_prefixes "+
		"connection_messages d include_dir global_max_clients global_max_connections global_plugin log_dest log_facility log_timestamp "+
		"log_timestamp_format log_type max_inflight_bytes max_inflight_messages max_keepalive max_packet_size max_queued_bytes "+
		"max_queued_messages memory_limit message_size_limit password_file per_listener_settings persistence persistence_file "+
		"persistence_location persistent_client_expiration pid_file plugin plugin_load plugin_use psk_file queue_qos0_messages "+
		"retain_available retain_expiry_interval set_tcp_nodelay sys_interval upgrade_outgoing_qos user enable_control_api "+
		"packet_buffer_size allow_anonymous_local retry_interval store_clean_interval log_dest_file", key):
		return "global"
	default:
		return ""
	}
}

func confWord(words, key string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == key {
			return true
		}
	}
	return false
}
