package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/reactor/limit"
)

// Options says what a server serves, to whom, and within which limits. Start from DefaultOptions.
type Options struct {
	// Port is where control connections are accepted; 0 picks a free port, NoPort listens on
	// none, for Classic alone.
	Port int
	// Classic serves the classic exchange as well, on ClassicPorts.
	Classic      bool
	ClassicPorts codec.ClassicPorts
	// FTP serves FTP as well.
	FTP FTPOptions
	// Root is the folder that is served, with everything beneath it.
	Root string
	// Store is served instead of Root if it is not nil. The server closes it.
	Store fsio.Store
	// Listen is the address to listen on, a number or a name; empty means all addresses, IPv4
	// and IPv6.
	Listen string
	// AddrFile names a file that receives HOST:PORT once the server listens; empty writes none.
	AddrFile string
	Permissions
	Logins
	// Allow and Deny choose who may connect. Deny goes first; an empty Allow admits all others.
	Allow, Deny []netip.Prefix
	// DataPorts is the pool of ports for data connections.
	DataPorts PortRange
	// Durability is what a put that was answered has outlived.
	Durability Durability
	// PartLifetime is how long an interrupted upload can be resumed, from a second to 10,000 hours.
	PartLifetime time.Duration
	// KeyedPorts are the ports for data connections of the status exchange, for each reactor or,
	// as a range, for all. A Count of 0 serves no status exchange.
	KeyedPorts PortRange
	// TLS says which connections are encrypted, and with which certificate.
	TLS TLSOptions
	// Machine says how the server uses the machine.
	Machine
	// Limits bound what clients may use.
	Limits limit.Limits
	// Log receives the server's own log. The server never waits for it when it writes through
	// a LogWriter.
	Log zerolog.Logger
}

// Logins say who may log in, and how.
type Logins struct {
	// Users names the file of those who may log in; empty for no login. See package login.
	Users string
	// PlainPasswords lets users log in without TLS.
	PlainPasswords bool
}

// Machine says how a server uses the machine that it runs on.
type Machine struct {
	// Reactors is the number of event loops, FileWorkers of goroutines for file work that may
	// block, and SumWorkers of goroutines for checksums; 1 or more of each.
	Reactors, FileWorkers, SumWorkers int
	// LockThread locks each event loop to an operating system thread.
	LockThread bool
	// Portable uses only what every system has, as if this one were not Linux.
	Portable bool
}

// PortRange is a set of data ports: either Count free ones, or all from First to Last.
type PortRange struct {
	// Count is how many ports a reactor binds, parting port not counted, when First is 0.
	Count int
	// First and Last are the ends of a fixed range, both in it.
	First, Last uint16
}

// DefaultOptions are the defaults of ferryd's flags. Each flag's help gives the reason.
func DefaultOptions() Options {
	return Options{
		Root:         ".",
		DataPorts:    PortRange{Count: 64},
		KeyedPorts:   PortRange{Count: 4},
		Durability:   DurabilityNone,
		TLS:          TLSOptions{Mode: TLSOff, MinVersion: "1.2"},
		PartLifetime: 24 * time.Hour,
		ClassicPorts: codec.DefaultClassicPorts(),
		FTP:          FTPOptions{Port: NoPort, ImplicitPort: NoPort, Resume: ResumePrefer},
		Machine:      Machine{Reactors: 1, FileWorkers: 8, SumWorkers: 2},
		Log:          zerolog.Nop(),
		Limits:       limit.Defaults(),
	}
}

// NoPort as Options.Port listens for no sessions of the base exchange.
const NoPort = -1

// leaseRestMin is the shortest rest after which a lease may serve again when no other is free.
// (PROTOCOL.md, Rest.)
const leaseRestMin = 30 * time.Second

// OptionsError holds every fault found in a set of options. Its text has one line for each.
type OptionsError struct{ Faults []error }

// Error implements error.
func (e *OptionsError) Error() string { return errors.Join(e.Faults...).Error() }

// Unwrap gives the faults to errors.Is and errors.As.
func (e *OptionsError) Unwrap() []error { return e.Faults }

// optionError is one fault of the options.
func optionError(fault error) error { return &OptionsError{[]error{fault}} }

// validate returns every fault at once as an *OptionsError, or nil.
func (o *Options) validate() error {
	var faults []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(o.Port >= NoPort && o.Port <= 65535, "port %d: give one from 0 to 65535", o.Port)
	bad(o.Port != NoPort || o.Classic || o.FTP.Serves(), "name the port to listen on")
	faults = append(faults, o.FTP.validateTLS(o)...)
	bad(o.FTP.Port >= NoPort && o.FTP.Port <= 65535,
		"--ftp %d: give a port from 0 to 65535", o.FTP.Port)
	bad(o.FTP.Port <= 0 || o.FTP.Port != o.Port, "--ftp %d: the port is PORT as well", o.FTP.Port)
	bad(!strings.ContainsFunc(o.FTP.Banner, unicode.IsControl),
		"--ftp-banner %q: give one line of text", o.FTP.Banner)
	// Classic's data ports belong to the first reactor.
	bad(o.Port != NoPort || o.FTP.Serves() || o.Reactors == 1,
		"--reactors %d: the classic exchange alone has one reactor", o.Reactors)
	bad(!o.Classic || portsDiffer(o.ClassicPorts, o.Port),
		"--classic-ports %s: give three ports that differ, from each other and from PORT",
		o.ClassicPorts)
	bad(o.Reactors >= 1 && o.Reactors <= reactorsMax,
		"--reactors %d: give from 1 to %d", o.Reactors, reactorsMax)
	bad(o.FileWorkers >= 1 && o.FileWorkers <= 256,
		"--file-workers %d: give from 1 to 256", o.FileWorkers)
	bad(o.SumWorkers >= 1 && o.SumWorkers <= sumWorkersMax,
		"--sum-workers %d: give from 1 to %d", o.SumWorkers, sumWorkersMax)
	if err := o.DataPorts.validate("--data-ports", portsMin, o.Reactors); err != nil {
		faults = append(faults, err)
	}
	if err := o.KeyedPorts.validate("--keyed-ports", 1, o.Reactors); err != nil {
		faults = append(faults, err)
	}
	if n := o.freePorts(); o.Reactors <= reactorsMax && n > blockPorts {
		bad(false, "--data-ports %s, --keyed-ports %s: %d reactors need %d ports, "+
			"%d can be chosen from; lower one of them, or set ranges",
			o.DataPorts, o.KeyedPorts, o.Reactors, n, blockPorts)
	}
	bad(o.Durability == DurabilityNone || o.Durability == DurabilityCommit,
		"--durability %s: give none or commit", o.Durability)
	bad(o.PartLifetime >= time.Second && o.PartLifetime <= 10_000*time.Hour,
		"--part-lifetime %v: give from 1s to 10000h", o.PartLifetime)
	bad(!o.ReadOnly || !o.UploadOnly, "--read-only and --upload-only leave nothing to do")
	info, err := os.Stat(o.Root)
	switch {
	case o.Store != nil:
	case errors.Is(err, os.ErrNotExist):
		bad(false, "--root %s: no such folder; create it or name another", o.Root)
	case err != nil:
		bad(false, "--root %s: %w", o.Root, errors.Unwrap(err))
	default:
		bad(info.IsDir(), "--root %s: not a folder; name the folder to serve", o.Root)
	}
	bad(o.Users == "" || o.Store != nil || !o.usersInside(),
		"--users %s: clients could read this file; keep it outside of --root", o.Users)
	faults = append(faults, o.TLS.validate(o)...)
	if o.AddrFile != "" {
		folder, err := os.Stat(filepath.Dir(o.AddrFile))
		bad(err == nil && folder.IsDir(), "--addr-file %s: no such folder", o.AddrFile)
	}
	faults = append(faults, o.Limits.Validate()...)
	if len(faults) == 0 {
		return nil
	}
	return &OptionsError{faults}
}

// parser turns the names of commands into those of a store.
func (o *Options) parser() fsio.Parser { return fsio.Parser{Dotfiles: o.Dotfiles} }

// storeOptions say how the root is served.
func (o *Options) storeOptions() dir.Options {
	return dir.Options{
		ReadOnly: o.ReadOnly, Portable: o.Portable,
		Durable: o.Durability == DurabilityCommit, PartLifetime: o.PartLifetime,
		PartsMax: o.Limits.Parts,
	}
}

// Durability is what an upload, or another change, that was answered outlives.
type Durability string

const (
	// DurabilityNone is the end of the server: what is there is whole. A power cut may leave
	// files of the last seconds empty or short, the ones that they replaced included.
	DurabilityNone Durability = "none"
	// DurabilityCommit is a power cut as well: the answer follows the disk's.
	DurabilityCommit Durability = "commit"
)

// reactorsMax is how many event loops make sense on one machine.
const reactorsMax = 64

// freePorts is how many ports are ours to choose.
func (o *Options) freePorts() int {
	n := 0
	if o.DataPorts.First == 0 {
		n = o.DataPorts.Count + 1 // the parting port
		if o.KeyedPorts.First == 0 {
			n += o.KeyedPorts.Count
		}
	}
	return n * o.Reactors
}

// portsMin is the smallest useful pool: one port to lease and the parting port.
const portsMin = 2

// validate looks at a flag's ports, of which each reactor needs at least so many.
func (p PortRange) validate(flag string, least, reactors int) error {
	if p.First == 0 && p.Last == 0 {
		if p.Count < least-1 || p.Count > 4096 {
			return fmt.Errorf("%s %d: give from %d to 4096, or a range", flag, p.Count, least-1)
		}
		return nil
	}
	switch {
	case p.First < 1024:
		return fmt.Errorf("%s %d-%d: data ports begin at 1024", flag, p.First, p.Last)
	case p.Last < p.First:
		return fmt.Errorf("%s %d-%d: the range ends before it begins", flag, p.First, p.Last)
	case p.size() < least*reactors:
		return fmt.Errorf("%s %d-%d: %d reactors need at least %d ports",
			flag, p.First, p.Last, reactors, least*reactors)
	}
	return nil
}

// size is how many ports a range holds.
func (p PortRange) size() int { return int(p.Last-p.First) + 1 }

// String is the range as the flag takes it.
func (p PortRange) String() string {
	if p.First == 0 {
		return fmt.Sprint(p.Count)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// Set reads the range as the flag gives it: a count or FIRST-LAST.
func (p *PortRange) Set(text string) error {
	before, after, isRange := strings.Cut(text, "-")
	first, err := strconv.ParseUint(before, 10, 16)
	last := uint64(0)
	if isRange && err == nil {
		last, err = strconv.ParseUint(after, 10, 16)
	}
	switch {
	case err != nil:
		return errors.New("give a number of ports, or a range such as 30000-30063")
	case isRange:
		*p = PortRange{First: uint16(first), Last: uint16(last)}
	default:
		*p = PortRange{Count: int(first)}
	}
	return nil
}

// Type is the placeholder in the flag's help.
func (p *PortRange) Type() string { return "N|FIRST-LAST" }
