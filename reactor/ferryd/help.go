package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/reactor"
)

// topic is a group of flags. ferryd --help lists the common ones, ferryd help NAME all of them.
type topic struct {
	name, title string
	common      []string
	flags       *pflag.FlagSet
}

// newTopics declares every flag.
func newTopics(o *reactor.Options, l *logFlags) []topic {
	topics := []topic{
		{name: "serving", title: "Serving", common: []string{"root", "listen", "classic"}},
		{name: "access", title: "Access", common: []string{
			"users", "allow", "deny", "read-only", "no-overwrite", "upload-only", "tls", "tls-cert",
			"tls-key",
		}},
		{name: "ftp", title: "FTP", common: []string{"ftp", "advertise"}},
		{name: "limits", title: "Limits", common: []string{
			"data-ports", "max-sessions", "max-upload", "min-free",
		}},
		{name: "timing", title: "Timing", common: []string{"idle-timeout", "drain-timeout"}},
		{name: "logging", title: "Logging", common: []string{"log-level"}},
	}
	var sets []*pflag.FlagSet
	for i := range topics {
		topics[i].flags = newFlagSet()
		sets = append(sets, topics[i].flags)
	}
	addServing(sets[0], o)
	addAccess(sets[1], o)
	addFTP(sets[2], o)
	addLimits(sets[3], sets[4], o)
	addLogging(sets[5], l)
	return topics
}

// newFlagSet returns an empty set that keeps the order of its flags.
func newFlagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	return f
}

// helpColumns is the width of help.
const helpColumns = 100

// addTopics gives c the flags of all topics and a help for each.
func addTopics(c *cobra.Command, topics []topic) {
	c.Flags().SortFlags = false
	c.Long = helpBegin
	var names []string
	for _, t := range topics {
		c.Flags().AddFlagSet(t.flags)
		c.AddCommand(&cobra.Command{
			Use: t.name, Long: t.title + ":\n" + t.flags.FlagUsagesWrapped(helpColumns),
		})
		c.Long += "\n" + t.title + ":\n" + t.commonUsages()
		names = append(names, t.name)
	}
	c.Long += helpEnd
	c.SetHelpCommand(&cobra.Command{
		Use: "help [TOPIC]",
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := c.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError{fmt.Errorf("no help on %s: the topics are %s",
					strings.Join(args, " "), strings.Join(names, ", "))}
			}
			return about.Help()
		},
	})
	others := c.HelpFunc()
	c.SetHelpFunc(func(about *cobra.Command, args []string) {
		if about != c {
			others(about, args)
			return
		}
		_, _ = fmt.Fprint(c.OutOrStdout(), c.Long)
	})
}

// commonUsages lists the common flags, a line each: what they do, without the reasons after it.
func (t *topic) commonUsages() string {
	short := newFlagSet()
	for _, name := range t.common {
		one := *t.flags.Lookup(name)
		what, why, _ := strings.Cut(one.Usage, "; ")
		if _, standard, found := strings.Cut(why, " (default "); found {
			what += " (default " + standard
		}
		one.Usage = what
		short.AddFlag(&one)
	}
	return short.FlagUsagesWrapped(helpColumns)
}

const helpBegin = `Serve the files of a folder to very many clients at once.

Usage:
  ferryd [PORT] [FLAG...]    serve ferry clients on PORT, and FTP clients on --ftp PORT
  ferryd user --help         edit the file of users
  ferryd help TOPIC          all flags of serving, access, ftp, limits, timing or logging

Examples:
  ferryd 2121 --root /srv/files --read-only --allow 192.168.0.0/16
  ferryd --ftp 2121 --root /srv/files --users users --tls require
`

const helpEnd = `
Without --users anyone who can connect may read and write; without --tls nothing is encrypted.
SIGINT and SIGTERM let running transfers finish, a second one ends at once. SIGHUP reloads the users
and the certificate. SIGUSR1 logs counters, sessions and transfers. Exit status: 0 clean end, 1
transfers were cut off or the server failed, 2 invalid flags, no such root, or port in use.
`
