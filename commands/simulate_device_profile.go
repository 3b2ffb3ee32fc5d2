package commands

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// loginOf is how a device of the contract connects.
func loginOf(d contract.Device) login {
	return login{username: d.Username, clientID: cmp.Or(d.ClientID, strings.ReplaceAll(d.Base, "/", "-"))}
}

// ofFleet makes the run of a device of a profile.
func (o *simulateDeviceOptions) ofFleet(e *env, cmd *cobra.Command, c *contract.Contract, name string) (role, error) {
	p, err := e.loadProfile(o.profile, true)
	if err != nil {
		return role{}, err
	}
	if cmd.Flags().Changed("seed") {
		p.Seed = o.seed
	}
	if o.kind != "" {
		if _, err := p.OfType(o.kind); err != nil {
			return role{}, exit.Wrap(exit.Usage, "--type", "", err)
		}
	}
	layout, err := p.Layout(c)
	if err != nil {
		return role{}, exit.Wrap(exit.Usage, "profile", "", err)
	}
	found := p.Find(layout, name, o.kind)
	switch {
	case len(found) > 1:
		return role{}, exit.New(exit.Usage, "device", name, fmt.Sprintf("%d devices of the profile are called so", len(found))).
			Hint("give its base topic: " + layout.Base(&found[0]))
	case len(found) == 0:
		if p, layout, err = o.oneMore(e, p, c, name); err != nil {
			return role{}, err
		}
		found = p.Find(layout, "", "")
	}
	start := p.Clock.Start
	if start.IsZero() {
		start = time.Now()
	}
	r := role{device: found[0]}
	r.login.clientID = p.ClientID(&r.device)
	if o.noFaults {
		r.run = simulate.NewRun(p, layout, start, nil)
	} else {
		r.run = simulate.NewRun(p, layout, start, simulate.Plays)
		o.tellIdleFaults(e, p, &r.device)
	}
	return r, o.takeTarget(e, cmd, p, &r.device)
}

// tellIdleFaults names the faults of the device that are not played.
func (o *simulateDeviceOptions) tellIdleFaults(e *env, p *profile.Profile, d *profile.Device) {
	var idle []string
	for _, f := range p.Faults {
		if !simulate.Plays(f) && p.Targets(f)[d.Index] {
			idle = append(idle, f.Name)
		}
	}
	if len(idle) > 0 {
		e.note("not played for a single device: %s", strings.Join(idle, ", "))
	}
}

// oneMore is the profile with a device that its fleet does not have.
func (o *simulateDeviceOptions) oneMore(e *env, p *profile.Profile, c *contract.Contract, name string) (*profile.Profile, *profile.Layout, error) {
	if name == "" {
		return nil, nil, exit.New(exit.Usage, "profile", p.File, "its fleet has no device of that type")
	}
	t, err := p.OfType(o.kind)
	if err != nil {
		return nil, nil, exit.Wrap(exit.Usage, "device", name, fmt.Errorf("the fleet has no such device, and %w", err)).Hint("choose one with --type")
	}
	device, err := resolvedDevice(e, c, name)
	if err != nil {
		return nil, nil, err
	}
	p = p.Alone(t, device.Vars)
	layout, err := p.Layout(c)
	if err != nil {
		return nil, nil, exit.Wrap(exit.Usage, "profile", "", err)
	}
	e.note("%s is not in the fleet of the profile: one more %s", device.Base, t.Name)
	return p, layout, nil
}

// takeTarget connects as the profile says, where nothing else does: flags, environment and contexts come first.
func (o *simulateDeviceOptions) takeTarget(e *env, cmd *cobra.Command, p *profile.Profile, d *profile.Device) error {
	t := &p.Target
	settings := map[string]string{
		"username": p.Login(t.Credentials.Username, d),
		"cert":     beside(p.File, p.Login(t.Credentials.Cert, d)),
		"key":      beside(p.File, p.Login(t.Credentials.Key, d)),
	}
	if name := p.Login(t.Credentials.PasswordEnv, d); name != "" {
		settings["password"] = e.getenv(name)
	}
	if addressed(cmd) {
		settings = map[string]string{} // they are those of another Server
	} else {
		settings["url"] = t.Broker
	}
	if t.Protocol != "auto" {
		settings["protocol"] = t.Protocol
	}
	if t.KeepAlive > 0 {
		settings["keepalive"] = strconv.Itoa(int(t.KeepAlive / time.Second))
	}
	if !t.CleanStart {
		settings["disable-clean-session"] = "true"
	}
	if t.SessionExpiry > 0 {
		settings["session-expiry"] = strconv.Itoa(int(t.SessionExpiry / time.Second))
	}
	for name, value := range settings {
		if value == "" || given(cmd, name) {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			return exit.Wrap(exit.Usage, "profile", p.File, fmt.Errorf("target: %s: %w", name, err))
		}
	}
	return nil
}

// addressed reports whether a flag, the environment or a context says where to connect.
func addressed(cmd *cobra.Command) bool {
	for _, name := range []string{"host", "port", "url", "unix", "embedded"} {
		if given(cmd, name) {
			return true
		}
	}
	return false
}

// beside is a file that a profile names, from where it is.
func beside(profile, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(profile), file)
}

// allowed refuses a host that is not among those that the profile allows.
func allowed(p *profile.Profile, t link.Target, embedded bool) error {
	if len(p.Target.AllowHosts) == 0 || embedded || t.Unix != "" || p.Target.Allows(t.Host) {
		return nil
	}
	return exit.New(exit.Usage, "profile", p.File, fmt.Sprintf("it allows no connection to %s (target.allow_hosts)", t.Host))
}

// realLength is after how long on this clock the device ends; 0 is never.
func (o *simulateDeviceOptions) realLength(p *profile.Profile) time.Duration {
	length := o.length
	if length == 0 {
		length = p.Duration
	}
	return time.Duration(float64(length) / p.Clock.Speed)
}
