package mosquitto

import "strings"

// Compatible is the version of mosquitto's clients whose command lines these are.
const Compatible = "2.1.2"

// version is the line of --version. The words before the last are where scripts look for them.
func version(t Tool, mqx string) string {
	return t.String() + " version " + Compatible + " running on mqx " + mqx + ".\n"
}

// Usage is the help of a program.
func Usage(t Tool, mqx string) string {
	var b strings.Builder
	b.WriteString(t.String() + " " + purpose(t) + "\n" + version(t, mqx) + "\nUsage: " + t.String() + " " + synopsis(t) + "\n       " + t.String() + " --help\n\n")
	for _, group := range []string{connectionHelp, ownHelp(t), commonHelp, tlsHelp} {
		b.WriteString(group)
	}
	b.WriteString("\nThis is mqx under the name of " + t.String() + ": mqx --help shows what else it can do.\n")
	return b.String()
}

func purpose(t Tool) string {
	switch t {
	case Pub:
		return "publishes messages to a topic of an MQTT broker."
	case Sub:
		return "subscribes to topics of an MQTT broker and prints the messages."
	default:
		return "publishes a request to an MQTT broker and prints the response."
	}
}

func synopsis(t Tool) string {
	switch t {
	case Pub:
		return "[-h host] [-p port] -t topic {-m message | -f file | -s | -l | -n} [options]"
	case Sub:
		return "[-h host] [-p port] {-t topic | -U topic}... [options]"
	default:
		return "[-h host] [-p port] -t topic -e response-topic {-m message | -f file | -s | -n} [options]"
	}
}

func ownHelp(t Tool) string {
	switch t {
	case Pub:
		return pubHelp
	case Sub:
		return subHelp + printHelp
	default:
		return rrHelp + printHelp
	}
}

const connectionHelp = ` -h, --host HOST       broker's name or address (localhost)
 -p, --port PORT       broker's port (1883; 8883 with TLS)
 --unix PATH           the broker's Unix socket
 -L, --url URL         mqtt[s]:// or ws[s]://[user[:password]@]host[:port]/topic
 --ws                  MQTT over WebSocket, path /mqtt
 --proxy URL           socks5h://[user[:password]@]host[:port]
 -A ADDRESS            connect from this address
 -u, --username NAME   user name
 -P, --pw PASSWORD     password
 -o FILE               read options from this file, one a line
`

const pubHelp = ` -t, --topic TOPIC     publish to this topic
 -m, --message TEXT    the payload
 -f, --file FILE       the payload is in a file
 -s, --stdin-file      standard input is the payload
 -l, --stdin-line      each line of standard input is a payload
 -n, --null-message    an empty payload
 -q, --qos QOS         0, 1 or 2 (0)
 -r, --retain          retain the message
 --repeat N            publish so many times; --repeat-delay SECONDS between
`

const subHelp = ` -t, --topic FILTER    subscribe (repeatable)
 -U, --unsubscribe F   unsubscribe (repeatable)
 -T, --filter-out F    leave these topics out (repeatable)
 -q, --qos QOS         highest QoS (0)
 -C COUNT              end after so many messages
 -W SECONDS            end after this time with status 27
 -E                    end when the subscription stands
 -R                    leave retained messages out
 --retained-only       retained messages only
 --remove-retained     clear the retained messages that come
 --retain-as-published, --retain-handling always|new|never
 --random-filter PCT   print this share of the messages
 -w, --watch           one row for each topic
 --message-rate        messages a second
`

const rrHelp = ` -t, --topic TOPIC     publish the request to this topic
 -e TOPIC              the response comes here
 -m, --message TEXT    the request
 -f, --file FILE       the request is in a file
 -s, --stdin-file      standard input is the request
 -n, --null-message    an empty request
 -q, --qos QOS         0, 1 or 2 (0)
 -W SECONDS            end after this time with status 27
 -R                    ignore a retained response
 --retain-as-published, --retain-handling always|new|never
 --latency             print how long the response took
`

const printHelp = ` -v, --verbose         print the topic before the payload
 -N                    no line feed after the payload
 -F FORMAT             %t topic, %p payload, %q QoS, %r retain, %l length, %m id, %x %X hex,
                       %f %d float, %j %J JSON, %I %U time, %A %C %D %E %F %P %R %S properties,
                       @ before a letter of strftime, \n \t \\ …
 --pretty              fold the JSON of %j and %J
`

const commonHelp = ` -i, --id ID           client id; -I, --id-prefix PREFIX appends the process id
 -c, --disable-clean-session
                       keep the session (needs -i)
 -x SECONDS            session expiry interval, -1 for ever (MQTT 5)
 -k, --keepalive S     5 to 65535 (60)
 -V, --protocol-version
                       5, 311 or 31
 -M N                  most messages of QoS 1 and 2 on their way
 -D, --property COMMAND NAME VALUE
                       MQTT 5 property of connect, publish, subscribe, unsubscribe, disconnect, will
 --will-topic TOPIC, --will-payload TEXT, --will-qos QOS, --will-retain
 -d, --debug           print the packets
 --quiet               print no errors
 --help, --version
`

const tlsHelp = ` --cafile FILE, --capath DIR, --tls-use-os-certs
                       whom to trust
 --cert FILE, --key FILE
                       the client's certificate
 --insecure            do not check the broker's certificate
 --tls-version tlsv1.2|tlsv1.3, --tls-alpn NAME, --ciphers LIST, --tls-keylog FILE, --no-tls
`
