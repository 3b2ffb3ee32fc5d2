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
	// Topic is the path of the URL, percent-decoded, empty for none. It may hold wildcards.
	Topic string
}

var errNoURL = errors.New("a URL like mqtt://host:1883 is expected")

// ParseURL reads mqtt://[user[:password]@]host[:port][/topic] and the same with mqtts. Everything after the slash is the
// topic, '?' and '#' included; user, password and topic are percent-decoded. An error never shows the password.
func ParseURL(s string) (Address, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Address{}, errNoURL
	}
	var a Address
	if err := a.setScheme(scheme); err != nil {
		return Address{}, err
	}
	authority, path, _ := strings.Cut(rest, "/")
	u, err := url.Parse("mqtt://" + authority)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return Address{}, errors.New("user, password, host or port is malformed; write % as %25, / as %2F and @ as %40 there")
	}
	if a.Host = u.Hostname(); a.Host == "" {
		return Address{}, errors.New("the host is missing")
	}
	if a.Port, err = parsePort(u.Port()); err != nil {
		return Address{}, err
	}
	if u.User != nil {
		name := u.User.Username()
		a.Username = &name
		if password, given := u.User.Password(); given {
			a.Password = &password
		}
	}
	if a.Topic, err = url.PathUnescape(path); err != nil {
		return Address{}, errors.New("the topic has a bad % escape; write % as %25")
	}
	return a, nil
}

func (a *Address) setScheme(scheme string) error {
	switch strings.ToLower(scheme) {
	case "mqtt":
	case "mqtts":
		a.TLS = true
	case "tcp":
		return errors.New("the scheme tcp is called mqtt here")
	case "ssl", "tls":
		return fmt.Errorf("the scheme %s is called mqtts here", scheme)
	default:
		if strings.ContainsFunc(scheme, notInScheme) { // it may hold anything, a password too
			return errNoURL
		}
		return fmt.Errorf("the scheme %q is not supported by this build; it speaks mqtt and mqtts", scheme)
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
