package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Address is what a URL says about a connection.
type Address struct {
	TLS  bool
	Host string
	Port int // 0: the scheme's default
	// Username and Password are nil when the URL has none.
	Username, Password *string
	// Topic is the path of an mqtt or mqtts URL, percent-decoded, empty for none. It may hold wildcards.
	Topic string
	// WebSocket says that the scheme is ws or wss. Path is then that of the URL, with its query; it may be empty, or a query
	// alone.
	WebSocket bool
	Path      string
	// Unix is the path of a unix URL, percent-decoded; then there is no Host.
	Unix string
}

var errNoURL = errors.New("a URL like mqtt://host:1883 is expected")

// ParseURL reads mqtt://[user[:password]@]host[:port][/topic], the same with mqtts, ws or wss, whose path is that of the
// WebSocket, and unix://[user[:password]@]/path. What follows the host of an mqtt URL is the topic, '?' and '#' included;
// user, password, topic and the path of a socket are percent-decoded. An error never shows the password.
func ParseURL(s string) (Address, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Address{}, errNoURL
	}
	var a Address
	scheme = strings.ToLower(scheme)
	if err := a.setScheme(scheme); err != nil {
		return Address{}, err
	}
	if scheme == "unix" {
		return a, a.setUnix(rest)
	}
	authority, path := splitPath(rest, a.WebSocket)
	u, err := url.Parse("mqtt://" + escapeZone(authority))
	if err != nil || strings.ContainsAny(authority, "?#") { // which part it is cannot be said: any may be the password
		return Address{}, errors.New("user, password, host or port is malformed; write % as %25, / as %2F, @ as %40, ? as %3F and # as %23 there")
	}
	if a.Host = u.Hostname(); a.Host == "" {
		return Address{}, errors.New("the host is missing")
	}
	if a.Port, err = parsePort(u.Port()); err != nil {
		return Address{}, err
	}
	a.setUser(u.User)
	if a.WebSocket {
		a.Path = path
		return a, nil
	}
	if a.Topic, err = url.PathUnescape(strings.TrimPrefix(path, "/")); err != nil {
		return Address{}, errors.New("the topic has a bad % escape; write % as %25")
	}
	return a, nil
}

// splitPath splits what follows the scheme before the path. That of a WebSocket may be missing before a query.
func splitPath(rest string, webSocket bool) (authority, path string) {
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		end = len(rest)
	}
	if webSocket {
		if query := strings.IndexByte(rest[:end], '?'); query > strings.LastIndexByte(rest[:end], '@') {
			end = query
		}
	}
	return rest[:end], rest[end:]
}

// escapeZone lets the zone of an IPv6 address be written as anywhere else, [fe80::1%eth0], and not only as in a URL (RFC
// 6874).
func escapeZone(authority string) string {
	start, end := strings.LastIndexByte(authority, '['), strings.LastIndexByte(authority, ']')
	if start < 0 || end < start {
		return authority
	}
	address, zone, found := strings.Cut(authority[start:end], "%")
	if !found || strings.HasPrefix(zone, "25") {
		return authority
	}
	return authority[:start] + address + "%25" + zone + authority[end:]
}

func (a *Address) setUser(user *url.Userinfo) {
	if user == nil {
		return
	}
	name := user.Username()
	a.Username = &name
	if password, given := user.Password(); given {
		a.Password = &password
	}
}

// setUnix reads what follows unix://. The path may be a relative one.
func (a *Address) setUnix(rest string) error {
	path := rest
	// A name that begins with @ is that of Linux's abstract sockets: no user has an empty name.
	if user, after, ok := strings.Cut(rest, "@"); ok && user != "" && !strings.Contains(user, "/") {
		u, err := url.Parse("mqtt://" + user + "@host")
		if err != nil {
			return errors.New("user or password is malformed; write % as %25, / as %2F and @ as %40 there")
		}
		a.setUser(u.User)
		path = after
	}
	var err error
	if a.Unix, err = url.PathUnescape(path); err != nil {
		return errors.New("the path has a bad % escape; write % as %25")
	}
	if a.Unix == "" {
		return errors.New("the path of the socket is missing")
	}
	return nil
}

func (a *Address) setScheme(scheme string) error {
	switch scheme {
	case "mqtt", "unix":
	case "mqtts":
		a.TLS = true
	case "ws":
		a.WebSocket = true
	case "wss":
		a.WebSocket, a.TLS = true, true
	case "tcp":
		return errors.New("the scheme tcp is called mqtt here")
	case "ssl", "tls":
		return fmt.Errorf("the scheme %s is called mqtts here", scheme)
	case "http", "https":
		return fmt.Errorf("the scheme %s is called %s here", scheme, strings.Replace(scheme, "http", "ws", 1))
	default:
		if strings.ContainsFunc(scheme, notInScheme) { // it may hold anything, a password too
			return errNoURL
		}
		return fmt.Errorf("the scheme %q is none of mqtt, mqtts, ws, wss and unix", scheme)
	}
	return nil
}

// notInScheme reports whether a scheme cannot have r (RFC 3986, section 3.1).
func notInScheme(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789+-.", unicode.ToLower(r))
}

func parsePort(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("the port %s is not from 1 to 65535", s)
	}
	return n, nil
}
