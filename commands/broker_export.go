package commands

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/mosquittoconf"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/userfile"
)

type brokerExportOptions struct {
	brokerOptions

	to       string
	dir      string
	force    bool
	compose  bool
	bridge   string
	bridgeCA string
	// what the bridge carries, in both directions or in one
	both, in, out []string
}

func newBrokerExport(e *env) *cobra.Command {
	o := &brokerExportOptions{}
	cmd := &cobra.Command{
		Use:   "export --to mosquitto",
		Short: "Write the broker's configuration for Mosquitto",
		Long: "Write what Mosquitto 2.0 needs to do what mqx broker does with the same flags. With -o a folder gets\n" +
			"mosquitto.conf and copies of the password file, the access list and the certificates, with --compose also a\n" +
			"compose file; else mosquitto.conf is printed and names the files where they are.\n\n" +
			"What Mosquitto has no option for is told on stderr, and what it does otherwise in the file's first lines.",
		Example: "  mqx broker export --to mosquitto --users passwords --acl list --data-dir data -o mosquitto\n" +
			"  mqx broker export --to mosquitto --users passwords --tls-auto --compose -o mosquitto\n" +
			"  mqx broker export --to mosquitto --bridge mqtts://cloud.example.com --bridge-out 'plant/#'",
		Args:        noArgs,
		Annotations: readOnly(),
	}
	fs := cmd.Flags()
	o.addFlags(fs)
	fs.Var(choiceOnly{&o.to, "mosquitto"}, "to", "the broker to write for: mosquitto")
	fs.StringVarP(&o.dir, "output", "o", "", "write into this `folder` (default: print mosquitto.conf)")
	fs.BoolVar(&o.force, "force", false, "replace files in the folder")
	fs.BoolVar(&o.compose, "compose", false, "write a compose file, too, and a mosquitto.conf for the container")
	fs.StringVar(&o.bridge, "bridge", "", "join it to this broker: HOST, or a URL such as mqtts://user:password@host")
	fs.StringVar(&o.bridgeCA, "bridge-cafile", "", "file with the CA of the broker of --bridge, PEM (default: those of the system)")
	fs.VarP(textsFlag{&o.both}, "topic", "t", "Topic Filter that the bridge carries in both directions (repeatable)")
	fs.Var(textsFlag{&o.out}, "bridge-out", "Topic Filter that the bridge carries to the other broker (repeatable)")
	fs.Var(textsFlag{&o.in}, "bridge-in", "Topic Filter that the bridge carries from the other broker (repeatable)")
	cmd.RunE = e.run(func(ctx context.Context, _ []string) error { return o.run(ctx, e, cmd) })
	return cmd
}

// run writes the configuration.
func (o *brokerExportOptions) run(ctx context.Context, e *env, cmd *cobra.Command) error {
	if o.to == "" {
		return usageError(cmd, "say for which broker: --to mosquitto")
	}
	if o.compose && o.dir == "" {
		return usageError(cmd, "--compose writes several files: name a folder with -o")
	}
	if err := o.checkBroker(ctx, e); err != nil {
		return err
	}
	x := &export{base: o.dir, read: func(name string) ([]byte, error) {
		return userfile.Again(ctx, name, maxExported) // checkBroker has read it
	}}
	if o.compose {
		x.base = mosquittoconf.ContainerConfig
	} else if err := x.anchor(); err != nil {
		return exit.Wrap(exit.Usage, "-o", o.dir, err)
	}
	if err := o.server(x); err != nil {
		return err
	}
	if err := x.server.Check(); err != nil {
		return exit.Wrap(exit.Usage, "broker export", "", err)
	}
	o.untold(x)
	for _, note := range x.notes {
		e.note("%s", note)
	}
	if o.dir == "" {
		_, err := e.streams.Out.Write(x.server.Conf(""))
		return err
	}
	return o.write(e, x)
}

// checkBroker refuses what mqx broker would refuse: what does not work there is not worth exporting.
func (o *brokerExportOptions) checkBroker(ctx context.Context, e *env) error {
	if err := o.limits.check(""); err != nil {
		return err
	}
	if err := o.faults.apply(ctx, e, &o.limits.config); err != nil {
		return err
	}
	if _, err := o.listen.check(ctx, e, o.access.guards()); err != nil {
		return err
	}
	return o.access.open(ctx, e, &o.limits.config)
}

// write fills the folder and says what is in it.
func (o *brokerExportOptions) write(e *env, x *export) error {
	hidden, address := "", o.listen.bind
	if o.compose && isLoopback(address) {
		address = "127.0.0.1"
		hidden = mosquittoconf.ComposeFile + " publishes it on " + address + " only"
	}
	files := append([]mosquittoconf.File{{
		Name: mosquittoconf.ConfFile, Data: x.server.Conf(hidden), Secret: x.server.Bridge != nil && x.server.Bridge.Password != "",
	}}, x.files...)
	if o.compose {
		files = append(files, mosquittoconf.File{
			Name: mosquittoconf.ComposeFile, Data: x.server.Compose(address, os.Getuid(), os.Getgid()),
		})
	}
	paths, err := mosquittoconf.Write(o.dir, files, o.force)
	var exists *mosquittoconf.ExistsError
	switch {
	case errors.As(err, &exists):
		return exit.Wrap(exit.Usage, "-o", o.dir, err).Hint("nothing was written; --force replaces what is there")
	case err != nil:
		return exit.Wrap(exit.Usage, "-o", o.dir, err)
	}
	if o.data.dir != "" {
		if err := os.MkdirAll(filepath.Join(o.dir, mosquittoconf.DataFolder), 0o700); err != nil {
			return exit.Wrap(exit.Usage, "-o", o.dir, err)
		}
	}
	_, err = e.streams.Out.Write([]byte(strings.Join(paths, "\n") + "\n"))
	return err
}

// maxExported bounds a file that is taken along, in bytes.
const maxExported = 64 << 20

// export is a configuration that is being put together.
type export struct {
	server mosquittoconf.Server
	files  []mosquittoconf.File
	notes  []string
	read   func(name string) ([]byte, error)
	// base is where Mosquitto finds the folder; empty: there is none, and files are named where they are.
	base string
}

func (x *export) anchor() (err error) {
	if x.base != "" {
		x.base, err = filepath.Abs(x.base)
	}
	return err
}

// file takes a file along, and returns the path under which Mosquitto finds it; empty for none.
func (x *export) file(flag, source, name string, secret bool) (string, error) {
	if source == "" {
		return "", nil
	}
	if x.base == "" {
		path, err := filepath.Abs(source)
		if err != nil {
			return "", exit.Wrap(exit.Usage, flag, source, err)
		}
		return path, nil
	}
	data, err := x.read(source)
	if err != nil {
		return "", exit.Wrap(exit.Usage, flag, "", err)
	}
	x.files = append(x.files, mosquittoconf.File{Name: name, Data: data, Secret: secret})
	return x.base + "/" + name, nil
}

// server translates what the flags say.
func (o *brokerExportOptions) server(x *export) error {
	s, c := &x.server, &o.limits.config
	s.Anonymous = o.access.files.Users == "" || o.access.files.Anonymous
	s.SysInterval = o.limits.sysInterval
	s.Limits = mosquittoconf.Limits{
		Clients: c.MaxClients, PacketSize: c.MaxPacketSize, Inflight: c.ReceiveMaximum, KeepAlive: c.MaxKeepAlive,
		QueuedMessages: c.MaxQueuedMessages, QueuedBytes: c.MaxQueuedBytes,
	}
	for _, f := range []struct {
		to                 *string
		flag, source, name string
		secret             bool
	}{
		{&s.Users, "--users", o.access.files.Users, mosquittoconf.UsersFile, true},
		{&s.ACL, "--acl", o.access.files.List, mosquittoconf.ACLFile, true},
		{&s.TLS.Cert, "--tls-cert", o.listen.cert, mosquittoconf.CertFile, false},
		{&s.TLS.Key, "--tls-key", o.listen.key, mosquittoconf.KeyFile, true},
		{&s.TLS.ClientCA, "--tls-client-ca", o.listen.clientCA, mosquittoconf.ClientCA, false},
	} {
		var err error
		if *f.to, err = x.file(f.flag, f.source, f.name, f.secret); err != nil {
			return err
		}
	}
	switch {
	case o.data.dir == "":
	case o.compose:
		s.Data = mosquittoconf.ContainerData
	case x.base != "":
		s.Data = x.base + "/" + mosquittoconf.DataFolder
	default:
		path, err := filepath.Abs(o.data.dir)
		if err != nil {
			return exit.Wrap(exit.Usage, "--data-dir", o.data.dir, err)
		}
		s.Data = path
	}
	if err := o.listeners(x); err != nil {
		return err
	}
	return o.bridgeTo(x)
}

// listeners translates the listeners. A port that would be picked must be a certain one.
func (o *brokerExportOptions) listeners(x *export) error {
	const wsPort, wssPort = 9001, 9002
	address := o.listen.bind
	if o.compose {
		address = "" // the container has one address, and the compose file says who reaches it
	}
	for _, l := range []struct {
		flag  string
		port  listenPort
		usual int
		to    mosquittoconf.Listener
	}{
		{"--port", o.listen.port, plainPort, mosquittoconf.Listener{}},
		{"--tls-port", o.listen.tlsPort, securePort, mosquittoconf.Listener{TLS: true}},
		{"--ws-port", o.listen.wsPort, wsPort, mosquittoconf.Listener{WebSocket: true}},
		{"--wss-port", o.listen.wssPort, wssPort, mosquittoconf.Listener{TLS: true, WebSocket: true}},
	} {
		if !l.port.given {
			continue
		}
		l.to.Port, l.to.Address = l.port.n, address
		if l.port.n == 0 {
			l.to.Port = l.usual
			x.note("%s 0: Mosquitto picks no port: %d was written", l.flag, l.usual)
		}
		x.server.Listeners = append(x.server.Listeners, l.to)
	}
	switch {
	case o.listen.unix == "":
	case o.compose:
		x.note("--unix: left out, it would be inside of the container")
	default:
		path, err := filepath.Abs(o.listen.unix)
		if err != nil {
			return exit.Wrap(exit.Usage, "--unix", o.listen.unix, err)
		}
		x.server.Listeners = append(x.server.Listeners, mosquittoconf.Listener{Address: path})
	}
	return nil
}

// bridgeTo translates --bridge and what belongs to it.
func (o *brokerExportOptions) bridgeTo(x *export) error {
	if o.bridge == "" {
		if o.bridgeCA != "" || len(o.both)+len(o.in)+len(o.out) > 0 {
			return exit.New(exit.Usage, "--bridge-cafile, --bridge-in, --bridge-out, -t", "", "there is no --bridge")
		}
		return nil
	}
	text := o.bridge
	if !strings.Contains(text, "://") {
		text = "mqtt://" + text
	}
	a, err := config.ParseURL(text)
	switch {
	case err != nil:
		return exit.Wrap(exit.Usage, "--bridge", "", err)
	case a.WebSocket || a.Unix != "" || a.Topic != "":
		return exit.New(exit.Usage, "--bridge", "", "Mosquitto's bridges speak mqtt and mqtts, and topics are named with -t")
	case strings.Contains(a.Host, ":"):
		return exit.New(exit.Usage, "--bridge", a.Host, "Mosquitto takes no IPv6 address there").Hint("write a host name")
	case len(o.both)+len(o.in)+len(o.out) == 0:
		return exit.New(exit.Usage, "--bridge", "", "what it carries is missing").
			Hint("pass --bridge-out 'plant/#', --bridge-in FILTER, or -t FILTER for both directions")
	}
	port := a.Port
	if port == 0 {
		port = plainPort
		if a.TLS {
			port = securePort
		}
	}
	b := &mosquittoconf.Bridge{Name: "to-" + a.Host, Address: net.JoinHostPort(a.Host, strconv.Itoa(port)), TLS: a.TLS}
	if a.Username != nil {
		b.Username = *a.Username
	}
	if a.Password != nil {
		b.Password = *a.Password
	}
	if o.bridgeCA != "" && !a.TLS {
		return exit.New(exit.Usage, "--bridge-cafile", o.bridgeCA, "the bridge has no TLS").Hint("write --bridge mqtts://" + a.Host)
	}
	if b.CA, err = x.file("--bridge-cafile", o.bridgeCA, mosquittoconf.BridgeCA, false); err != nil {
		return err
	}
	x.server.Bridge = b
	return o.carried(b)
}

// carried adds what the bridge carries.
func (o *brokerExportOptions) carried(b *mosquittoconf.Bridge) error {
	for _, part := range []struct {
		flag, direction string
		filters         []string
	}{{"-t", "both", o.both}, {"--bridge-out", "out", o.out}, {"--bridge-in", "in", o.in}} {
		for _, text := range part.filters {
			f, err := topic.ParseFilter(text)
			if err == nil && f.IsShared() {
				err = errors.New("a bridge has no Shared Subscriptions")
			}
			if err != nil {
				return exit.Wrap(exit.Usage, part.flag, text, err)
			}
			b.Topics = append(b.Topics, mosquittoconf.BridgeTopic{Filter: text, Direction: part.direction})
		}
	}
	return nil
}
