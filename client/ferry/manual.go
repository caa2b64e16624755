package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/client/shell"
)

func manualCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page of ferry",
		Hidden:  true,
		Example: "  ferry man >ferry.1; man ./ferry.1",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return writeManual(os.Stdout, root)
		},
	}
}

// writeManual writes ferry(1), made from the help.
func writeManual(w io.Writer, root *cobra.Command) error {
	var b strings.Builder
	b.WriteString(".TH FERRY 1\n.SH NAME\nferry \\- download and upload files\n")
	b.WriteString(".SH SYNOPSIS\n" + roff(root.Use) + "\n")
	b.WriteString(".SH DESCRIPTION\n.nf\n" + roff(long) + "\n.fi\n")
	b.WriteString(".SH OPTIONS\n")
	root.Flags().VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(flag+" "+name)), roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
			fmt.Fprintf(&b, "(default: %s)\n", roff(f.DefValue))
		}
	})
	b.WriteString(".SH COMMANDS\n")
	for _, h := range shell.Helps() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(h.Line), roff(h.Says))
		if h.Text != "" {
			b.WriteString(".br\n.nf\n" + roff(strings.TrimRight(h.Text, "\n")) + "\n.fi\n")
		}
	}
	b.WriteString(".SH ENVIRONMENT\n.TP\n.B FERRY_PASSWORD\nthe password of whoever logs in\n" +
		".TP\n.B NETRC\nanother file than .netrc\n")
	b.WriteString(".SH FILES\n.TP\n.B ferry/config\n" +
		"in the user's config folder (XDG_CONFIG_HOME): settings, NAME = VALUE, and below\n" +
		"the line [bookmarks] places by their names.\n.TP\n.B ferry/known_hosts\n" +
		"beside it: servers that ferry trusts, HOST:PORT and the SHA-256 of a certificate.\n" +
		".TP\n.B ~/.netrc\nnames and passwords by machine, as curl and ftp read them.\n" +
		".TP\n.B ferry/history\n" +
		"in the user's state folder (XDG_STATE_HOME): the lines typed before.\n")
	b.WriteString(".SH EXAMPLES\n.nf\n" + roff(example) + "\n.fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// roff escapes text for the formatter, so that no line is a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
