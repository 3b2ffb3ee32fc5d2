package mosquittoconf

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Where the container has what the folder holds.
const (
	ContainerConfig = "/mosquitto/config"
	ContainerData   = "/mosquitto/data"
)

// Image is the container that is run: the last series of Mosquitto that has all the options written here.
const Image = "eclipse-mosquitto:2.0"

// Compose is a compose file beside mosquitto.conf, which publishes the ports on an address of the host only; with an empty one
// on all. The container runs as the owner of the folder, uid and gid, so that it can read what nobody else can. For root it
// begins as root and gives the folder to its own user.
func (s *Server) Compose(address string, uid, gid int) []byte {
	var b strings.Builder
	b.WriteString("# Mosquitto in a container, written by mqx broker export. Start it with: docker compose up -d\n" +
		"services:\n  mosquitto:\n    image: " + Image + "\n    restart: unless-stopped\n")
	access := ""
	if uid > 0 {
		fmt.Fprintf(&b, "    user: %q\n", strconv.Itoa(uid)+":"+strconv.Itoa(gid))
		access = ":ro"
	}
	b.WriteString("    ports:\n")
	for _, l := range s.Listeners {
		if l.Port == 0 {
			continue
		}
		port := strconv.Itoa(l.Port)
		published := port + ":" + port
		if address != "" {
			published = net.JoinHostPort(address, port) + ":" + port
		}
		fmt.Fprintf(&b, "      - %q\n", published)
	}
	fmt.Fprintf(&b, "    volumes:\n      - .:%s%s\n", ContainerConfig, access)
	if s.Data != "" {
		fmt.Fprintf(&b, "      - ./%s:%s\n", DataFolder, ContainerData)
	}

	return []byte(b.String())
}
