package lint

import "strings"

func source(text string) Example { return example(Source, text) }

// sourceRules are about programs.
func sourceRules() []Rule {
	return []Rule{
		{
			Code: "G001", Name: "hard-coded-credential", Severity: Error, Profile: Basic,
			Summary: "a program has a password in it",
			Why: "A password in a program is in its repository, in every image and in every device, and cannot be changed without a new " +
				"version. Read it from the environment, a file, or the provisioning of the device. The report does not repeat it.",
			Bad:    source(`client.connect("mqtt://device:s3cret@broker.example.com")`),
			Good:   source(`client.connect(os.environ["MQTT_URL"])`),
			source: hardCodedCredential,
		},
		{
			Code: "G002", Name: "tls-not-verified", Severity: Error, Profile: Basic, FixClass: UnsafeFix,
			Summary: "a program does not check the Server's certificate",
			Why: "TLS without the check of the certificate keeps nobody out: whoever sits in between shows a certificate of his own and " +
				"reads the password.",
			Bad:  source(`client.tls_insecure_set(True)`),
			Good: source(`client.tls_set("/etc/ssl/ca.crt")`),
			source: func(s *sourceCheck) {
				flat := strings.ReplaceAll(s.text, " ", "")
				for _, call := range []string{
					"tls_insecure_set(True)", "InsecureSkipVerify:true", ".setInsecure()", "rejectUnauthorized:false",
					"cert_reqs=ssl.CERT_NONE", "setInsecureSkipVerify(true)", "skip_cert_common_name_check=true",
				} {
					if strings.Contains(flat, call) {
						s.found(call, "%s takes every certificate", call).verify(s, call)
					}
				}
			},
		},
	}
}

func hardCodedCredential(s *sourceCheck) {
	line := s.place.Text
	s.place.Text = "" // it has the password in it
	defer func() { s.place.Text = line }()
	for _, scheme := range []string{"mqtt://", "mqtts://", "ssl://", "wss://", "tcp://"} {
		_, rest, ok := strings.Cut(s.text, scheme)
		if !ok {
			continue
		}
		login, _, at := strings.Cut(rest, "@")
		_, password, colon := strings.Cut(login, ":")
		if at && colon && password != "" && !strings.ContainsAny(login, "\"'` /") && !strings.ContainsAny(password[:1], "${%<") {
			s.found("url", "an address with a password in it")
			return
		}
	}
	flat := strings.ReplaceAll(s.text, " ", "")
	for _, call := range []string{"username_pw_set(\"", "username_pw_set('"} {
		if _, rest, ok := strings.Cut(flat, call); ok {
			if _, password, two := strings.Cut(rest, ","); two && password != "" && strings.ContainsAny(password[:1], "\"'") {
				s.found("call", "a password in a call")
			}
		}
	}
}

// metaRules are about the settings of the linter. The engine finds them.
func metaRules() []Rule {
	return []Rule{
		{
			Code: "X001", Name: "suppression-without-reason", Severity: Warning, Profile: Guide, byEngine: true,
			Summary: "a suppression gives no reason",
			Why:     "Somebody will ask in a year why this is fine. Write it behind the codes, or as reason: in the contract file.",
			Bad:     topics("# mqx:ignore[T013]\nacme/lyon/cr-001/telemetry/Temp"),
			Good:    topics("# mqx:ignore[T013] firmware 1.x, replaced in Q1\nacme/lyon/cr-001/telemetry/Temp"),
		},
		{
			Code: "X002", Name: "unused-suppression", Severity: Info, Profile: Guide, byEngine: true, FixClass: SafeFix,
			Summary: "a suppression suppresses nothing, or has ended",
			Why:     "What it was for is mended, or its date has passed. Left where it is, it will hide the next mistake at the same place.",
			Bad:     topics("# mqx:ignore[T013] old gateway\nacme/lyon/cr-001/telemetry/temp"),
			Good:    topics("# mqx:ignore[T013] old gateway\nacme/lyon/cr-001/telemetry/Temp"),
		},
		{
			Code: "X003", Name: "unknown-rule", Severity: Error, Profile: Guide, byEngine: true,
			Summary: "a suppression names a rule that does not exist",
			Why: "A typo in a code suppresses nothing, and nobody notices: the finding that it was for fails the build, or another one " +
				"is believed to be covered. mqx lint rules lists the codes.",
			Bad:  topics("# mqx:ignore[T999] old gateway\nacme/lyon/cr-001/telemetry/temp"),
			Good: topics("# mqx:ignore[T013] old gateway\nacme/lyon/cr-001/telemetry/Temp"),
		},
		{
			Code: "X004", Name: "stale-baseline", Severity: Info, Profile: Guide, byEngine: true, FixClass: UnsafeFix,
			Summary: "the baseline accepts what is not there any more",
			Why: "A finding of the baseline was mended. Write the baseline again (--write-baseline), so that it cannot come back " +
				"unnoticed.",
			Bad:  topics(""),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
		},
	}
}
