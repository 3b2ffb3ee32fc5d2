package mosquitto

import (
	"net"
	"net/url"
	"strings"

	"github.com/mqx-cli/mqx/internal/link"
)

// The ports of MQTT.
const (
	portPlain = 1883
	portTLS   = 8883
)

// setHost is -h.
func (p *parser) setHost(words []string) *End {
	p.Host, p.hostGiven = words[0], true
	return nil
}

// setUnix is --unix: the path takes the place of the host, and port 0 says so.
func (p *parser) setUnix(words []string) *End {
	p.Host, p.hostGiven, p.Port = words[0], true, 0
	return nil
}

// setURL is -L: mqtt[s]://[user[:password]@]host[:port]/topic, and the same with ws and wss. Nothing is percent-decoded, and
// the first of each separator counts.
func (p *parser) setURL(words []string) *End {
	rest, end := p.setScheme(words[0])
	if end != nil {
		return end
	}
	address, name, ok := strings.Cut(rest, "/")
	if !ok {
		return p.usage("Error: Invalid URL for -L argument specified - topic missing.\n")
	}
	if name == "" && p.tool != Sub {
		p.Topic = &name // for the broker to refuse
	} else if end := p.addTopic("-L", name); end != nil {
		return end
	}
	if user, after, ok := strings.Cut(address, "@"); ok {
		name, password, has := strings.Cut(user, ":")
		p.Username = &name
		if has {
			p.Password = &password
		}
		address = after
	}
	host, port, ok := strings.Cut(address, ":")
	p.Host, p.hostGiven = host, true
	if ok {
		p.Port = atoi(port)
	}
	return nil
}

// setScheme takes the scheme off a URL.
func (p *parser) setScheme(text string) (rest string, end *End) {
	for _, s := range []struct {
		name    string
		ws, tls bool
	}{{name: "mqtt://"}, {name: "mqtts://", tls: true}, {name: "ws://", ws: true}, {name: "wss://", ws: true, tls: true}} {
		if len(text) < len(s.name) || !strings.EqualFold(text[:len(s.name)], s.name) {
			continue
		}
		p.Port = portPlain
		p.WebSocket = p.WebSocket || s.ws
		if s.tls {
			p.Port, p.OSCerts = portTLS, true
		}
		return text[len(s.name):], nil
	}
	return "", p.usage("Error: unsupported URL scheme.\n\n")
}

// setProxy is --proxy socks5h://[user[:password]@]host[:port].
func (p *parser) setProxy(words []string) *End {
	const scheme = "socks5h://"
	rest, ok := strings.CutPrefix(words[0], scheme)
	if !ok {
		return p.usage("Error: Unsupported proxy protocol: " + words[0] + "\n")
	}
	u := url.URL{Scheme: "socks5h"}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, has := strings.Cut(rest[:i], ":")
		name, err := url.PathUnescape(user)
		secret, err2 := url.PathUnescape(password)
		switch {
		case err != nil || err2 != nil:
			return p.usage("Error: Invalid proxy.\n")
		case has:
			u.User = url.UserPassword(name, secret)
		default:
			u.User = url.User(name)
		}
		rest = rest[i+1:]
	}
	host, port := rest, "1080"
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
	}
	if host = strings.Trim(host, "[]"); host == "" {
		return p.usage("Error: Invalid proxy.\n")
	}
	if n := atoi(port); n < 1 || n > 65535 {
		return p.usage("Error: Invalid proxy port " + itoa(n) + "\n")
	}
	u.Host = net.JoinHostPort(host, itoa(atoi(port)))
	if link.CheckProxy(&u) != nil {
		return p.usage("Error: Invalid proxy.\n")
	}
	p.Proxy = u.String()
	return nil
}
