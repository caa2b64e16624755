package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ferry/reactor/login"
)

// userFlags are the flags of the commands that edit a users file.
type userFlags struct{ file, password, rights string }

// newUserCommand returns `ferryd user`, which edits a users file.
func newUserCommand() *cobra.Command {
	var u userFlags
	c := &cobra.Command{
		Use:   "user",
		Short: "Edit the file of users (--users)",
		Long: `Edit the file of users that ferryd --users reads.

At a terminal a new password is asked for twice. Otherwise it is the first line of standard input or
of --password-file. SIGHUP makes a running server reload the file.`,
		Args: func(*cobra.Command, []string) error {
			return usageError{errors.New("give one of user add, passwd, rm and list")}
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	c.PersistentFlags().StringVar(&u.file, "users", defaultUsers(), "the `FILE` of users")
	add := userCommand("add NAME", "Add a user", func(c *cobra.Command, name string) error {
		rights, err := login.ParseRights(u.rights)
		if err != nil {
			return usageError{fmt.Errorf("--rights: %w", err)}
		}
		password, err := u.readPassword(c)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(u.file), 0o700); err != nil {
			return err
		}
		return login.Add(u.file, name, password, rights)
	})
	add.Flags().StringVar(&u.rights, "rights", "/:rw",
		"rights as `PATH:MODE`, separated by spaces: r read, rw read and change, w add "+
			"files only, - nothing; the longest path decides")
	passwd := userCommand("passwd NAME", "Change a user's password",
		func(c *cobra.Command, name string) error {
			password, err := u.readPassword(c)
			if err != nil {
				return err
			}
			return login.SetPassword(u.file, name, password)
		})
	for _, c := range []*cobra.Command{add, passwd} {
		c.Flags().StringVar(&u.password, "password-file", "",
			"read the password from the first line of this `FILE`")
	}
	rm := userCommand("rm NAME", "Remove a user", func(_ *cobra.Command, name string) error {
		return login.Remove(u.file, name)
	})
	list := &cobra.Command{
		Use: "list", Short: "List users, kinds of password and rights",
		Args: func(_ *cobra.Command, args []string) error { return wantArgs(args, 0, "user list") },
		RunE: func(c *cobra.Command, _ []string) error { return u.list(c.OutOrStdout()) },
	}
	c.AddCommand(add, passwd, rm, list)
	return c
}

// userCommand is one that takes a user's name.
func userCommand(use, short string, run func(*cobra.Command, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(_ *cobra.Command, args []string) error { return wantArgs(args, 1, "user "+use) },
		RunE: func(c *cobra.Command, args []string) error { return run(c, args[0]) },
	}
}

func wantArgs(args []string, n int, usage string) error {
	if len(args) != n {
		return usageError{fmt.Errorf("give: ferryd %s", usage)}
	}
	return nil
}

// defaultUsers is the users file of the person who runs the program.
func defaultUsers() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "users"
	}
	return filepath.Join(dir, "ferry", "users")
}

func (u *userFlags) list(out io.Writer) error {
	users, err := login.Load(u.file)
	if err != nil {
		return fmt.Errorf("%s: %w", u.file, err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, user := range users.All {
		fmt.Fprintf(w, "%s\t%s\t%v\n", user.Name, user.Kind(), user.Rights)
	}
	return w.Flush()
}

// readPassword asks for a new password twice at a terminal, without echo. Otherwise it reads a
// line. It is never an argument: those show in the list of processes.
func (u *userFlags) readPassword(c *cobra.Command) (string, error) {
	in := c.InOrStdin()
	if u.password != "" {
		f, err := os.Open(u.password)
		if err != nil {
			return "", err
		}
		defer func() { _ = f.Close() }() // it was only read
		return firstLine(f)
	}
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return firstLine(in)
	}
	// Echo ends before the prompt is shown, so that nothing typed ahead is.
	was, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return "", err
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{f, c.ErrOrStderr()}, "")
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		if err == nil {
			typed[i], err = t.ReadPassword(prompt)
		}
	}
	_ = term.Restore(int(f.Fd()), was)
	switch {
	case err != nil:
		return "", errors.New("no password was given")
	case typed[0] != typed[1]:
		return "", errors.New("the passwords differ")
	}
	return typed[0], nil
}

func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(in, passwordReadMax)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// passwordReadMax is how much of a file is read at most; no password is that long.
const passwordReadMax = 64 << 10
