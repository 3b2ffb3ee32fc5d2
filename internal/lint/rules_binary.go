package lint

import "unicode/utf8"

// binaryLine is a message whose payload is no text.
func binaryLine(properties string) string {
	return `{"topic":"acme/lyon/cr-001/telemetry/spectrum","encoding":"base64","payload":"/wD+gQ==","properties":{` + properties + `}}`
}

const spectrum = "root: acme\nsignals:\n  spectrum: {format: binary}\n"

// binaryRules are about payloads that are no text.
func binaryRules() []Rule {
	return []Rule{
		{
			Code: "P030", Name: "content-type", Severity: Info, Profile: Guide,
			Summary: "a binary payload does not say what it is, or is said to be text",
			Why: "MQTT 5 has a Content Type for each message: without it a consumer must guess whether bytes are CBOR, Protocol Buffers " +
				"or a picture. Payload Format Indicator 1 says that the payload is UTF-8, and a receiver may answer one that is not with " +
				"0x99 (MQTT 5, 3.3.2.3.2): that is an error.",
			Bad:  withContract(messages(binaryLine(`"payload_format_indicator":1,"content_type":"application/cbor"`)), spectrum),
			Good: withContract(messages(binaryLine(`"content_type":"application/cbor"`)), spectrum),
			message: func(m *messageCheck) {
				p := m.message.Properties
				if utf8.Valid(m.body) {
					return
				}
				if p != nil && p.PayloadFormatIndicator == 1 {
					m.foundAs(Error, "format", "the Payload Format Indicator says UTF-8, and the payload is not")
				}
				// Without any property the message may have been published with MQTT 3.1.1, which has none.
				spoken := m.published && m.kind == Live || p != nil
				if spoken && (p == nil || p.ContentType == "") && m.l.convention.Contract != nil {
					m.found("type", "a binary payload without a Content Type")
				}
			},
		},
	}
}
