package config

import (
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/scramclient"
)

// resolveAuthentication has user name and password proved by enhanced authentication instead of sent.
func (c *Connection) resolveAuthentication(o *client.Options) error {
	switch {
	case c.AuthMethod == "":
		return nil
	case !strings.EqualFold(c.AuthMethod, scramclient.Method):
		return usage(c.named("auth-method"), fmt.Sprintf("%s is expected", scramclient.Method))
	case o.Username == nil || o.Password == nil:
		return usage(c.named("auth-method"), "it needs a user name and a password")
	}
	var err error
	if o.Authentication, err = scramclient.New(*o.Username, string(o.Password)); err != nil {
		return exit.Wrap(exit.Usage, c.named("auth-method"), "", err)
	}
	o.Username, o.Password = nil, nil
	c.NeedsV5 = append(c.NeedsV5, c.named("auth-method"))
	return nil
}
