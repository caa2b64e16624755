package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ferry/bench"
)

// topic is a group of flags. ferrybench --help lists the common ones, ferrybench help NAME all of
// them.
type topic struct {
	name, title string
	common      []string
	add         func(*pflag.FlagSet)
	// words are the values of a flag that help NAME explains.
	words []bench.Named
}

func (l *load) topics() []topic {
	var scenarios []bench.Named
	for _, s := range bench.Scenarios {
		scenarios = append(scenarios, bench.Named{Name: s.Name, About: s.About})
	}
	return []topic{
		{name: "load", title: "Load", add: l.addLoad, common: []string{
			"clients", "rate", "duration", "turns",
		}},
		{name: "scenario", title: "Scenario", add: l.addScenario, common: []string{
			"scenario", "get", "put", "ls", "size",
		}, words: scenarios},
		{name: "servers", title: "Servers", add: l.addServers, common: []string{
			"compare-with", "server", "proto",
		}, words: bench.Protocols},
		{name: "results", title: "Results", add: l.addResults, common: []string{
			"output", "format", "expect",
		}},
	}
}

// helpColumns is the width of help.
const helpColumns = 100

// addTopics gives c the flags of all topics and a help for each.
func addTopics(c *cobra.Command, topics []topic) {
	c.Flags().SortFlags = false
	c.Long = helpBegin
	for _, t := range topics {
		all, common := newFlagSet(), newFlagSet()
		t.add(all)
		for _, name := range t.common {
			common.AddFlag(all.Lookup(name))
		}
		text := t.title + ":\n" + all.FlagUsagesWrapped(helpColumns)
		for _, w := range t.words {
			text += fmt.Sprintf("\n  %-9s %s", w.Name, w.About)
		}
		c.Flags().AddFlagSet(all)
		c.AddCommand(&cobra.Command{Use: t.name, Long: text})
		c.Long += "\n" + t.title + ":\n" + common.FlagUsagesWrapped(helpColumns)
	}
	c.Long += helpEnd
	others := c.HelpFunc()
	c.SetHelpFunc(func(about *cobra.Command, args []string) {
		if about != c {
			others(about, args)
			return
		}
		_, _ = fmt.Fprint(c.OutOrStdout(), c.Long)
	})
}

// newFlagSet returns an empty set that keeps the order of its flags.
func newFlagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	return f
}

const helpBegin = `Load a file server with many clients and report how it performs.

Usage:
  ferrybench [FLAG...]                       start a ferryd in a scratch folder and load it
  ferrybench [PROTO://]HOST:PORT [FLAG...]   load a running server; uploaded files stay there
  ferrybench show|diff|report --help         print, compare or plot results that --output kept
  ferrybench help TOPIC                      all flags of load, scenario, servers or results

Examples:
  ferrybench --scenario get --clients 1,10,100,1000,9000
  ferrybench --scenario get --rate 5000 --expect 'p99<20ms' --expect errors=0
  ferrybench --turns 10 --compare-with vsftpd=ftp://127.0.0.1:21 -o run.json
`

const helpEnd = `
Every download is compared with what was uploaded. The exit status is 1 if there were errors.
Without --rate each client starts a transfer when its last one has ended, so a slow server is asked
less. With --rate transfers start by the clock, and latency counts from the planned start.
?pid=N after an address measures that process. Scenarios are listed by ferrybench help scenario,
protocols by ferrybench help servers.
`
