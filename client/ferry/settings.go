package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ferry/client"
	"ferry/client/shell"
)

// notSet are flags that neither the environment nor the settings file may set: they belong to one
// run.
var notSet = map[string]bool{"help": true, "version": true, "execute": true, "file": true}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "FERRY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// applySettings sets the flags that are not on the command line from the environment or else from
// the settings file, and then the shell's options.
func (p *program) applySettings(from *pflag.FlagSet) error {
	if from.Changed("config") {
		// A file that was named must exist.
		if _, err := os.Stat(p.flags.config); err != nil {
			return fmt.Errorf("--config %s: %w", p.flags.config, pathCause(err))
		}
	}
	if err := fromEnvironment(from); err != nil {
		return err
	}
	config, err := shell.ReadConfig(p.flags.config)
	if err != nil {
		return err
	}
	p.shell.Config = config
	if err := fromConfig(from, config); err != nil {
		return err
	}
	s := &p.shell
	if s.Parallel < 1 || s.Parallel > parallelMost {
		return fmt.Errorf("--parallel %d: give a number from 1 to %d", s.Parallel, parallelMost)
	}
	if s.Retries < 0 {
		return fmt.Errorf("--retries %d: give 0 or more", s.Retries)
	}
	s.Options.ReplyTimeout = bound(p.flags.silence)
	s.Options.StallTimeout = bound(p.flags.silence)
	s.Options.DialTimeout = bound(p.flags.connect)
	s.Options.ConfirmWait = bound(p.flags.confirm)
	s.Options.KeptLifetime = bound(p.flags.kept)
	ports := p.flags.ports
	if p.flags.classic {
		s.Options.Exchange = client.Classic
	}
	if s.Options.Exchange == client.Classic {
		s.Port = ports.Control
		s.Options.ClassicFiles, s.Options.ClassicMessages = ports.Files, ports.Messages
	} else if from.Changed("classic-ports") {
		return errors.New("--classic-ports goes with --classic")
	}
	return p.flags.apply(s)
}

// parallelMost keeps a typing error from becoming an attack.
const parallelMost = 100

func fromEnvironment(to *pflag.FlagSet) error {
	var faults []error
	to.VisitAll(func(f *pflag.Flag) {
		value, there := os.LookupEnv(variable(f.Name))
		if !there || f.Changed || notSet[f.Name] {
			return
		}
		if err := to.Set(f.Name, value); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", variable(f.Name), err))
		}
	})
	return errors.Join(faults...)
}

func fromConfig(to *pflag.FlagSet, config *shell.Config) error {
	var faults []error
	for name, value := range config.Settings {
		f := to.Lookup(name)
		if f == nil || notSet[name] || name == "config" {
			faults = append(faults, fmt.Errorf("%s:%d: %s is no flag that may stand there",
				config.Path, config.Lines[name], name))
			continue
		}
		if f.Changed {
			continue
		}
		if err := to.Set(name, value); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", config.Path, config.Lines[name], err))
		}
	}
	return errors.Join(faults...)
}

// bound turns a flag's 0, which means none, into an option's negative value.
func bound(d time.Duration) time.Duration {
	if d <= 0 {
		return -1
	}
	return d
}
