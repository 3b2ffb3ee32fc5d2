package mosquitto

import "slices"

// option is one option of the command lines.
type option struct {
	names []string
	tools []Tool
	// missing is what is said when the value is missing; an option without one takes no value.
	missing string
	// words, when set, says how many words of those that follow are values, 0 for too few.
	words func(rest []string) int
	set   func(p *parser, words []string) *End
}

// find returns the option that a word names.
func find(t Tool, word string) (option, bool) {
	for _, list := range [][]option{messageOptions(), subscriberOptions(), connectionOptions(), sessionOptions(), tlsOptions()} {
		for _, o := range list {
			if slices.Contains(o.names, word) && slices.Contains(o.tools, t) {
				return o, true
			}
		}
	}
	return option{}, false
}

// on is an option that is given or not.
func on(field func(*Options) *bool) func(*parser, []string) *End {
	return func(p *parser, _ []string) *End {
		*field(p.Options) = true
		return nil
	}
}

// text is an option whose last value counts.
func text(field func(*Options) *string) func(*parser, []string) *End {
	return func(p *parser, words []string) *End {
		*field(p.Options) = words[0]
		return nil
	}
}

// pointer is text that can be given or not.
func pointer(field func(*Options) **string) func(*parser, []string) *End {
	return func(p *parser, words []string) *End {
		*field(p.Options) = &words[0]
		return nil
	}
}

func messageOptions() []option {
	pub, pubRR := []Tool{Pub}, []Tool{Pub, RR}
	return []option{
		{names: []string{"-t", "--topic"}, tools: Tools(), missing: "-t argument given but no topic specified", set: (*parser).setTopic},
		{names: []string{"-e"}, tools: []Tool{RR}, missing: "-e argument given but no response topic specified", set: (*parser).setResponseTopic},
		{names: []string{"-q", "--qos"}, tools: Tools(), missing: "-q argument given but no QoS specified", set: (*parser).setQoS},
		{names: []string{"-r", "--retain"}, tools: pub, set: on(func(o *Options) *bool { return &o.Retain })},
		{names: []string{"-m", "--message"}, tools: pubRR, missing: "-m argument given but no message specified", set: setMode(Text)},
		{names: []string{"-f", "--file"}, tools: pubRR, missing: "-f argument given but no file specified", set: setMode(File)},
		{names: []string{"-s", "--stdin-file"}, tools: pubRR, set: setMode(Stdin)},
		{names: []string{"-l", "--stdin-line"}, tools: pub, set: setMode(Lines)},
		{names: []string{"-n", "--null-message"}, tools: pubRR, set: setMode(Null)},
		{names: []string{"--repeat"}, tools: pub, missing: "--repeat argument given but no count specified", set: (*parser).setRepeat},
		{names: []string{"--repeat-delay"}, tools: pub, missing: "--repeat-delay argument given but no time specified", set: (*parser).setRepeatDelay},
		{
			names: []string{"-D", "--property"}, tools: Tools(), missing: "--property argument given but not enough arguments specified",
			words: propertyWords, set: (*parser).addProperty,
		},
	}
}

func subscriberOptions() []option {
	sub, subRR := []Tool{Sub}, []Tool{Sub, RR}
	return []option{
		{names: []string{"-U", "--unsubscribe"}, tools: sub, missing: "-U argument given but no unsubscribe topic specified", set: (*parser).addUnsubscribe},
		{names: []string{"-T", "--filter-out"}, tools: sub, missing: "-T argument given but no topic filter specified", set: (*parser).addExclude},
		{names: []string{"-C"}, tools: sub, missing: "-C argument given but no count specified", set: (*parser).setCount},
		{names: []string{"-W"}, tools: subRR, missing: "-W argument given but no timeout specified", set: (*parser).setTimeout},
		{names: []string{"-E"}, tools: sub, set: on(func(o *Options) *bool { return &o.ExitAfterSuback })},
		{names: []string{"-R"}, tools: subRR, set: (*parser).setNoRetain},
		{names: []string{"--retained-only"}, tools: sub, set: on(func(o *Options) *bool { return &o.RetainedOnly })},
		{names: []string{"--remove-retained"}, tools: sub, set: on(func(o *Options) *bool { return &o.RemoveRetained })},
		{names: []string{"--retain-as-published"}, tools: subRR, set: on(func(o *Options) *bool { return &o.RetainAsPublished })},
		{names: []string{"--retain-handling"}, tools: subRR, missing: "--retain-handling argument given but no option specified", set: (*parser).setRetainHandling},
		{names: []string{"--random-filter"}, tools: sub, missing: "--random-filter argument given but no chance specified", set: (*parser).setChance},
		{names: []string{"-v", "--verbose"}, tools: subRR, set: on(func(o *Options) *bool { return &o.Verbose })},
		{names: []string{"-N"}, tools: subRR, set: on(func(o *Options) *bool { return &o.NoNewline })},
		{names: []string{"-F"}, tools: subRR, missing: "-F argument given but no format specified", set: (*parser).setFormat},
		{names: []string{"--pretty"}, tools: subRR, set: on(func(o *Options) *bool { return &o.Pretty })},
		{names: []string{"-w", "--watch"}, tools: sub, set: on(func(o *Options) *bool { return &o.Watch })},
		{names: []string{"--message-rate"}, tools: sub, set: on(func(o *Options) *bool { return &o.MessageRate })},
		{names: []string{"--latency"}, tools: []Tool{RR}, set: on(func(o *Options) *bool { return &o.Latency })},
	}
}

func connectionOptions() []option {
	return []option{
		{names: []string{"-h", "--host"}, tools: Tools(), missing: "-h argument given but no host specified", set: (*parser).setHost},
		{names: []string{"-p", "--port"}, tools: Tools(), missing: "-p argument given but no port specified", set: (*parser).setPort},
		{names: []string{"-L", "--url"}, tools: Tools(), missing: "-L argument given but no URL specified", set: (*parser).setURL},
		{names: []string{"--unix"}, tools: Tools(), missing: "--unix argument given but no socket path specified", set: (*parser).setUnix},
		{names: []string{"-A"}, tools: Tools(), missing: "-A argument given but no address specified", set: text(func(o *Options) *string { return &o.Bind })},
		{names: []string{"--nodelay"}, tools: Tools(), set: func(*parser, []string) *End { return nil }}, // as it is anyway
		{names: []string{"--ws"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.WebSocket })},
		{names: []string{"--proxy"}, tools: Tools(), missing: "--proxy argument given but no proxy url specified", set: (*parser).setProxy},
		{names: []string{"-o"}, tools: Tools(), missing: "-o argument given but no options file specified", set: func(*parser, []string) *End { return nil }}, // see readFile
		{names: []string{"-d", "--debug"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.Debug })},
		{names: []string{"--quiet"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.Quiet })},
		{names: []string{"--help"}, tools: Tools(), set: func(p *parser, _ []string) *End { return &End{Out: Usage(p.tool, p.env.Version), Status: statusUsage} }},
		{names: []string{"--version"}, tools: Tools(), set: func(p *parser, _ []string) *End {
			return &End{Out: version(p.tool, p.env.Version), Status: statusUsage}
		}},
	}
}

func sessionOptions() []option {
	return []option{
		{names: []string{"-i", "--id"}, tools: Tools(), missing: "-i argument given but no id specified", set: (*parser).setID},
		{names: []string{"-I", "--id-prefix"}, tools: Tools(), missing: "-I argument given but no id prefix specified", set: (*parser).setIDPrefix},
		{names: []string{"-u", "--username"}, tools: Tools(), missing: "-u argument given but no username specified", set: pointer(func(o *Options) **string { return &o.Username })},
		{names: []string{"-P", "--pw"}, tools: Tools(), missing: "-P argument given but no password specified", set: pointer(func(o *Options) **string { return &o.Password })},
		{names: []string{"-k", "--keepalive"}, tools: Tools(), missing: "-k argument given but no keepalive specified", set: (*parser).setKeepAlive},
		{names: []string{"-V", "--protocol-version"}, tools: Tools(), missing: "--protocol-version argument given but no version specified", set: (*parser).setVersion},
		{names: []string{"-c", "--disable-clean-session"}, tools: Tools(), set: func(p *parser, _ []string) *End { p.CleanSession = false; return nil }},
		{names: []string{"-x"}, tools: Tools(), missing: "-x argument given but no session expiry interval specified", set: (*parser).setSessionExpiry},
		{names: []string{"-M"}, tools: Tools(), missing: "-M argument given but max_inflight not specified", set: (*parser).setInflight},
		{names: []string{"--will-topic"}, tools: Tools(), missing: "--will-topic argument given but no will topic specified", set: (*parser).setWillTopic},
		{names: []string{"--will-payload"}, tools: Tools(), missing: "--will-payload argument given but no will payload specified", set: pointer(func(o *Options) **string { return &o.WillPayload })},
		{names: []string{"--will-qos"}, tools: Tools(), missing: "--will-qos argument given but no will QoS specified", set: (*parser).setWillQoS},
		{names: []string{"--will-retain"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.WillRetain })},
	}
}

func tlsOptions() []option {
	file := func(name, what string, field func(*Options) *string) option {
		return option{names: []string{name}, tools: Tools(), missing: name + " argument given but no " + what + " specified", set: text(field)}
	}
	return []option{
		file("--cafile", "file", func(o *Options) *string { return &o.CAFile }),
		file("--capath", "directory", func(o *Options) *string { return &o.CAPath }),
		file("--cert", "file", func(o *Options) *string { return &o.Cert }),
		file("--key", "file", func(o *Options) *string { return &o.Key }),
		file("--keyform", "keyform", func(o *Options) *string { return &o.KeyForm }),
		file("--ciphers", "ciphers", func(o *Options) *string { return &o.Ciphers }),
		file("--tls-version", "version", func(o *Options) *string { return &o.TLSVersion }),
		file("--tls-alpn", "protocol", func(o *Options) *string { return &o.ALPN }),
		file("--tls-engine", "engine_id", func(o *Options) *string { return &o.Engine }),
		file("--tls-engine-kpass-sha1", "kpass sha1", func(o *Options) *string { return &o.EnginePassword }),
		file("--tls-keylog", "file", func(o *Options) *string { return &o.KeyLog }),
		file("--psk", "key", func(o *Options) *string { return &o.PSK }),
		file("--psk-identity", "identity", func(o *Options) *string { return &o.PSKIdentity }),
		{names: []string{"--insecure"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.Insecure })},
		{names: []string{"--tls-use-os-certs"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.OSCerts })},
		{names: []string{"--no-tls"}, tools: Tools(), set: on(func(o *Options) *bool { return &o.NoTLS })},
	}
}
