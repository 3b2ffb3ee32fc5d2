package commands

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/userfile"
	"github.com/mqx-cli/mqx/internal/users"
)

// maxPassword bounds a password in bytes: what fits into CONNECT.
const maxPassword = 65535

// maxUsers bounds a password file and a table of users, in bytes.
const maxUsers = 64 << 20

type passwdOptions struct {
	file, user string
	from       string
	remove     bool
	scram      bool
}

func newBrokerPasswd(e *env) *cobra.Command {
	o := &passwdOptions{}
	cmd := &cobra.Command{
		Use:   "passwd FILE [USER]",
		Short: "Set passwords in a password file",
		Long: "Set or remove passwords in a password file for mqx broker --users and for Mosquitto's password_file. The\n" +
			"password is asked for on a terminal, and is else the first line of standard input. The file is made if there is\n" +
			"none; what it has besides stays as it is.\n\n" +
			"--from takes users from a CSV file with a column username or device, and perhaps password. Who has no password\n" +
			"there and none in FILE gets a new one, and those are printed as CSV: it is the only time.",
		Example: "  mqx broker passwd passwords alice\n  mqx broker passwd passwords alice --scram < secret.txt\n" +
			"  mqx broker passwd passwords --from devices.csv > new.csv",
		Annotations: readWrite(),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.from, "from", "", "set the passwords of all users in this CSV file")
	fs.BoolVar(&o.remove, "delete", false, "remove the user")
	fs.BoolVar(&o.scram, "scram", false, "add a record for enhanced authentication with SCRAM-SHA-256, too")
	cmd.MarkFlagsMutuallyExclusive("delete", "from")
	cmd.MarkFlagsMutuallyExclusive("delete", "scram")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		want := 2
		if o.from != "" {
			want = 1
		}
		if len(args) != want {
			return usageError(cmd, "FILE and USER are expected, or FILE and --from")
		}
		return nil
	}
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		o.file = args[0]
		if o.from != "" {
			return o.many(ctx, e)
		}
		o.user = args[1]
		return o.one(ctx, e)
	})
	return cmd
}

// one sets or removes one user.
func (o *passwdOptions) one(ctx context.Context, e *env) error {
	if err := users.CheckName(o.user); err != nil {
		return exit.Wrap(exit.Usage, "passwd", "", err)
	}
	f, err := o.read(ctx)
	if err != nil {
		return err
	}
	if o.remove {
		if !f.Delete(o.user) {
			return exit.New(exit.Negative, "passwd", o.user, "there is no such user in "+o.file)
		}
		return o.write(f)
	}
	password, err := o.password(ctx, e)
	if err != nil {
		return err
	}
	if err := f.Set(o.user, password, o.scram); err != nil {
		return exit.Wrap(exit.Usage, "passwd", o.user, err)
	}
	return o.write(f)
}

// password asks for the new password, twice on a terminal.
func (o *passwdOptions) password(ctx context.Context, e *env) (string, error) {
	if e.streams.InTTY {
		ask := e.promptSecret(ctx)
		first, err := ask("New password of " + o.user + ": ")
		if err != nil {
			return "", exit.Wrap(exit.Usage, "passwd", o.user, err)
		}
		again, err := ask("Again: ")
		if err != nil {
			return "", exit.Wrap(exit.Usage, "passwd", o.user, err)
		}
		if first != again {
			return "", exit.New(exit.Usage, "passwd", o.user, "the passwords differ, nothing was changed")
		}
		return first, nil
	}
	line, err := bufio.NewReader(io.LimitReader(e.streams.In, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", exit.Wrap(exit.Usage, "passwd", o.user, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > maxPassword {
		return "", exit.New(exit.Usage, "passwd", o.user, "the password on standard input is longer than MQTT allows")
	}
	return line, nil
}

// many sets the users of a CSV file.
func (o *passwdOptions) many(ctx context.Context, e *env) error {
	in, err := userfile.Read(ctx, o.from, maxUsers)
	if err != nil {
		return exit.Wrap(exit.Usage, "--from", "", err)
	}
	table, err := users.ReadTable(bytes.NewReader(in))
	if err != nil {
		return exit.Wrap(exit.Usage, "--from", o.from, err)
	}
	f, err := o.read(ctx)
	if err != nil {
		return err
	}
	have := make(map[string]bool)
	for _, name := range f.Names() {
		have[name] = true
	}
	var made [][]string
	for _, c := range table {
		if c.Password == "" {
			if have[c.Name] {
				continue
			}
			c.Password = rand.Text()
			made = append(made, []string{c.Name, c.Password})
		}
		have[c.Name] = true
		if err := f.Set(c.Name, c.Password, o.scram); err != nil {
			return exit.Wrap(exit.Usage, "--from", o.from, err)
		}
	}
	if err := o.write(f); err != nil {
		return err
	}
	if len(made) == 0 {
		return nil
	}
	out := csv.NewWriter(e.streams.Out)
	return out.WriteAll(append([][]string{{"username", "password"}}, made...))
}

func (o *passwdOptions) read(ctx context.Context) (*users.File, error) {
	text, err := userfile.Again(ctx, o.file, maxUsers) // it is to be replaced
	if errors.Is(err, fs.ErrNotExist) {
		return &users.File{}, nil
	} else if err != nil {
		return nil, exit.Wrap(exit.Usage, "passwd", o.file, err)
	}
	f, err := users.Parse(text)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "passwd", o.file, err)
	}
	return f, nil
}

func (o *passwdOptions) write(f *users.File) error {
	if err := atomicfile.Write(o.file, 0o600, f.Bytes()); err != nil {
		return exit.Wrap(exit.Usage, "passwd", o.file, err)
	}
	return nil
}
