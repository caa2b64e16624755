package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"ferry/reactor"
)

// logFlags say what is logged and how.
type logFlags struct{ level, format string }

// forPeople says whether the log goes to somebody who reads it as it comes.
func (l *logFlags) forPeople(out io.Writer) bool {
	if l.format != "auto" {
		return l.format == "text"
	}
	f, ok := out.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// open returns the log, and what writes the rest of it at the end, as LogWriter.Close does. The
// server never waits for it.
func (l *logFlags) open(out io.Writer) (zerolog.Logger, func() error) {
	level, _ := zerolog.ParseLevel(l.level) // the flag has looked
	format := func(to io.Writer) io.Writer { return to }
	if l.forPeople(out) {
		f, ok := out.(*os.File)
		format = func(to io.Writer) io.Writer {
			return zerolog.ConsoleWriter{
				Out: to, TimeFormat: time.DateTime,
				NoColor: !ok || !isatty.IsTerminal(f.Fd()),
			}
		}
	}
	ring := reactor.NewLogWriter(out, format(out))
	to := format(ring)
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	log := zerolog.New(to).Level(level).With().Timestamp().Logger()
	return log, ring.Close
}

// security is what every start says about who can read the network, and who logs in.
func security(d reactor.Description) string {
	switch d.TLS {
	case reactor.TLSRequire:
		return "TLS is required, " + d.Login
	case reactor.TLSAllow:
		return "TLS is offered, not required, and " + d.Login
	default:
		return "nothing is encrypted and " + d.Login
	}
}

// announce says what is served, from where, to whom, and how to connect.
func announce(d reactor.Description, log zerolog.Logger, people bool, out io.Writer) {
	if people {
		_, _ = fmt.Fprintf(out, `ferryd serves %s
  where       %s on %s
  to whom     %s; %s
  they may    %s
  data ports  %s (a firewall must let these through as well)
  connect     %s
`, d.Root, where(d), d.Listen, d.To, security(d), d.May, d.DataPorts, d.Connect)
		if d.Fingerprint != "" {
			_, _ = fmt.Fprintf(out, "  certificate SHA-256 %s\n", d.Fingerprint)
		}
		if d.Warning != "" {
			_, _ = fmt.Fprintf(out, "  warning     %s\n", d.Warning)
		}
	} else {
		log.Info().Str("root", d.Root).Str("listen", d.Listen).Func(func(e *zerolog.Event) {
			if d.Port != reactor.NoPort {
				e.Int("port", d.Port)
			}
			if d.Classic != reactor.NoPort {
				e.Int("classic_port", d.Classic)
			}
			if d.FTP != reactor.NoPort {
				e.Int("ftp_port", d.FTP)
			}
			if d.FTPS != reactor.NoPort {
				e.Int("ftps_port", d.FTPS)
			}
		}).Str("to", d.To).Str("may", d.May).Str("data_ports", d.DataPorts).
			Str("security", security(d)).Func(func(e *zerolog.Event) {
			if d.Fingerprint != "" {
				e.Str("certificate_sha256", d.Fingerprint)
			}
		}).Str("connect", d.Connect).
			Int("max_sessions", d.Sessions).Int("max_transfers", d.Transfers).
			Msg("server started")
		if d.Warning != "" {
			log.Warn().Msg(d.Warning)
		}
	}
	if d.Leftovers > 0 {
		log.Info().Int("files", d.Leftovers).Msg("leftovers of a killed server were removed")
	}
}

// where names the ports for control.
func where(d reactor.Description) string {
	var ports []string
	for _, p := range []struct {
		number int
		kind   string
	}{{d.Port, ""}, {d.Classic, " (classic)"}, {d.FTP, " (FTP)"}, {d.FTPS, " (FTPS)"}} {
		if p.number != reactor.NoPort {
			ports = append(ports, strconv.Itoa(p.number)+p.kind)
		}
	}
	return "port " + strings.Join(ports, ", and ")
}
