package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// The places of options in mosquitto.conf.
const (
	globalScope   = "global"
	listenerScope = "listener"
	bridgeScope   = "bridge"
)

// confOptions are the options of a place, separated by spaces.
func confOptions(scope string) string {
	switch scope {
	case bridgeScope:
		return "address addresses cleansession clientid connection idle_timeout keepalive_interval local_cleansession " +
			"local_clientid local_password local_username notification_topic notifications notifications_local_only " +
			"password remote_clientid remote_password remote_username restart_timeout round_robin start_type " +
			"threshold topic try_private username ciphers_bridge bridge_alpn bridge_attempt_unsubscribe " +
			"bridge_bind_address bridge_cafile bridge_capath bridge_certfile bridge_identity bridge_insecure " +
			"bridge_keyfile bridge_max_packet_size bridge_max_topic_alias bridge_outgoing_retain " +
			"bridge_protocol_version bridge_psk bridge_receive_maximum bridge_reload_type bridge_require_ocsp " +
			"bridge_session_expiry_interval bridge_tcp_keepalive bridge_tcp_user_timeout bridge_tls_version " +
			"bridge_tls_use_os_certs bridge_ciphers bridge_ciphers_tls1.3"
	case listenerScope:
		return "listener bind_interface http_dir max_topic_alias max_topic_alias_broker mount_point protocol " +
			"socket_domain use_username_as_clientid use_identity_as_username use_subject_as_username cafile capath " +
			"certfile keyfile ciphers ciphers_tls1.3 crlfile dhparamfile disable_client_cert_date_checks " +
			"require_certificate tls_engine tls_engine_kpass_sha1 tls_keyform tls_version psk_hint " +
			"websockets_headers_size websockets_origin websockets_log_level enable_proxy_protocol " +
			"proxy_protocol_v2_require_tls accept_protocol_versions listener_allow_anonymous listener_auto_id_prefix " +
			"bind_address max_connections max_qos maximum_qos port"
	default:
		return "acl_file allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_plugin " +
			"auth_plugin_deny_special_chars auto_id_prefix autosave_interval autosave_on_changes check_retain_source " +
			"clientid_prefixes connection_messages d include_dir global_max_clients global_max_connections " +
			"global_plugin log_dest log_facility log_timestamp log_timestamp_format log_type max_inflight_bytes " +
			"max_inflight_messages max_keepalive max_packet_size max_queued_bytes max_queued_messages memory_limit " +
			"message_size_limit password_file per_listener_settings persistence persistence_file persistence_location " +
			"persistent_client_expiration pid_file plugin plugin_load plugin_use psk_file queue_qos0_messages " +
			"retain_available retain_expiry_interval set_tcp_nodelay sys_interval upgrade_outgoing_qos user " +
			"enable_control_api packet_buffer_size allow_anonymous_local retry_interval store_clean_interval " +
			"log_dest_file"
	}
}

// confScope says where an option of mosquitto.conf belongs: global, listener or bridge, "" for one that does not exist.
func confScope(key string) string {
	if strings.HasPrefix(key, "auth_opt_") || strings.HasPrefix(key, "plugin_opt_") {
		return globalScope
	}
	for _, scope := range []string{bridgeScope, listenerScope, globalScope} {
		for option := range strings.FieldsSeq(confOptions(scope)) {
			if option == key {
				return scope
			}
		}
	}
	return ""
}

// likelyOption is the option that was meant by one that does not exist: the nearest within two letters, "" when there is none
// or more than one.
func likelyOption(key string) string {
	best, distance := "", 3
	for _, scope := range []string{bridgeScope, listenerScope, globalScope} {
		for option := range strings.FieldsSeq(confOptions(scope)) {
			switch d := words.Distance(key, option); {
			case len(option) <= 2*d: // another word altogether
			case d < distance:
				best, distance = option, d
			case d == distance:
				best = ""
			}
		}
	}
	return best
}
