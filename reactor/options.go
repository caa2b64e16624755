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

	"github.com/rs/zerolog"

	"ferry/codec"
	"ferry/fsio"
	"ferry/fsio/dir"
)

// Options says what a server serves, to whom, and within which limits. Start from DefaultOptions.
type Options struct {
	// Port is where control connections are accepted; 0 picks a free port, NoPort listens on
	// none, for Classic alone.
	Port int
	// Classic serves the classic exchange as well, on ClassicPorts.
	Classic      bool
	ClassicPorts ClassicPorts
	// Root is the folder that is served, with everything beneath it.
	Root string
	// Store is served instead of Root if it is not nil. The server closes it.
	Store fsio.Store
	// Listen is the address to listen on, a number or a name; empty means all addresses, IPv4
	// and IPv6.
	Listen string
	// AddrFile names a file that receives HOST:PORT once the server listens; empty writes none.
	AddrFile string
	// ReadOnly refuses every change: uploads, new folders, renaming and removal.
	ReadOnly bool
	// NoOverwrite refuses an upload to a name that exists, and whatever else would change what is
	// there.
	NoOverwrite bool
	// UploadOnly refuses whatever sends, lists or sums up what is there, or takes it away. That a
	// name is taken shows when a client asks for that name.
	UploadOnly bool
	// NoSum refuses checksums.
	NoSum bool
	// Dotfiles lets names that begin with a dot be listed and reached.
	Dotfiles bool
	// Allow and Deny choose who may connect. Deny goes first; an empty Allow admits all others.
	Allow, Deny []netip.Prefix
	// Reactors is the number of event loops side by side; 1 or more.
	Reactors int
	// DataPorts is the pool of ports for data connections.
	DataPorts PortRange
	// Durability is what a put that was answered has outlived.
	Durability Durability
	// PartLifetime is how long the kept beginning of an upload waits to be gone on with, from a
	// second to 10,000 hours.
	PartLifetime time.Duration
	// KeyedPorts are the ports for data connections of the status exchange, for each reactor or,
	// as a range, for all. A Count of 0 serves no status exchange.
	KeyedPorts PortRange
	// FileWorkers is the number of goroutines for file work that may block; 1 or more.
	FileWorkers int
	// SumWorkers is the number of goroutines for checksums; 1 or more.
	SumWorkers int
	// LockThread keeps each event loop on one thread of its own.
	LockThread bool
	// Portable forbids what only Linux has: the paths for other systems are used instead.
	Portable bool
	// Limits bound what clients may take.
	Limits Limits
	// Log receives the server's own log. The server never waits for it when it writes through
	// a LogWriter.
	Log zerolog.Logger
}

// PortRange is a set of data ports: either Count free ones, or all from First to Last.
type PortRange struct {
	// Count is how many ports a reactor binds, parting port not counted, when First is 0.
	Count int
	// First and Last are the ends of a fixed range, both in it.
	First, Last uint16
}

// Limits are the bounds of a server. Durations and sizes are positive; a zero is said where it
// means something else.
type Limits struct {
	// Sessions is how many control connections there may be; 0 means what descriptors allow,
	// 10,000 at most.
	Sessions int
	// SessionsPerAddress is the same for one client address.
	SessionsPerAddress int
	// SessionRate is how many sessions one client address may open in a second, once it has opened
	// as many as it may have at once.
	SessionRate int
	// Transfers is how many ports may be told or data connections be open at once; 0 means what
	// descriptors allow.
	Transfers int
	// TransfersPerAddress is the same for one client address; 0 means 2,000, or half of Transfers
	// where that is less.
	TransfersPerAddress int
	// OffersPerAddress is how many of them may be without a data connection.
	OffersPerAddress int
	// CommandBytes is the longest command in bytes, from 16 to 4,096; its field is not counted.
	CommandBytes int
	// ControlBufferBytes is how much a client may send ahead on control, and how much of our
	// answers may wait for it.
	ControlBufferBytes int64
	// UploadBytes is the largest file taken in; 0 means no limit.
	UploadBytes int64
	// FreeBytes is what uploads must leave free on the filesystem.
	FreeBytes int64
	// SumsPerAddress is how many checksums one client address may have computed at once, those
	// that wait for a worker included; SumBytes is how many bytes may be read for those of one
	// session, 0 for any number.
	SumsPerAddress int
	SumBytes       int64
	// Parts is how many kept beginnings of uploads there may be; a client address may have as many
	// as it leaves to others. Empty ones make room for others in time.
	Parts int
	// Keyless is how many data connections of the status exchange may be open that have not said
	// which offer they take; a client address may have as many as it leaves to others. Beyond that
	// the one that came first is closed.
	Keyless int
	// ListingBytes is the longest listing, ListingsBytes what all listings may hold in memory at
	// once, four times that or more; a client address may hold as much as it leaves to others.
	ListingBytes, ListingsBytes int64
	// RateBytes is the lowest rate of a transfer in bytes a second, over a StallTimeout.
	RateBytes int64
	// IdleTimeout ends a session that has sent nothing and waits for nothing.
	IdleTimeout time.Duration
	// OfferTimeout ends an offer that nobody took.
	OfferTimeout time.Duration
	// LeaseRest is how long the lease of an untaken offer rests, ClassicRest the same on the
	// classic exchange's two ports, where all sessions of an address wait for it.
	LeaseRest, ClassicRest time.Duration
	// StallTimeout is the time over which RateBytes is measured.
	StallTimeout time.Duration
	// DrainTimeout is how long running transfers may go on once the server shall end.
	DrainTimeout time.Duration
}

// DefaultOptions are the defaults of ferryd's flags. Each flag's help gives the reason.
func DefaultOptions() Options {
	return Options{
		Root:      ".",
		Reactors:  1,
		DataPorts: PortRange{Count: 64},

		KeyedPorts:   PortRange{Count: 4},
		Durability:   DurabilityNone,
		PartLifetime: 24 * time.Hour,
		ClassicPorts: DefaultClassicPorts(),
		FileWorkers:  8,
		SumWorkers:   2,
		Log:          zerolog.Nop(),
		Limits: Limits{
			SessionsPerAddress: 9_500,
			SessionRate:        10_000,
			OffersPerAddress:   500,
			CommandBytes:       4_096,
			ControlBufferBytes: 64 << 10,
			FreeBytes:          256 << 20,
			SumsPerAddress:     16,
			SumBytes:           1 << 40,
			Parts:              10_000,
			Keyless:            128,
			ListingBytes:       16 << 20,
			ListingsBytes:      128 << 20,
			RateBytes:          16,
			IdleTimeout:        10 * time.Minute,
			OfferTimeout:       10 * time.Second,
			LeaseRest:          2 * time.Minute,
			ClassicRest:        2 * time.Second,
			StallTimeout:       time.Minute,
			DrainTimeout:       30 * time.Second,
		},
	}
}

// NoPort as Options.Port listens for no sessions of the base exchange.
const NoPort = -1

// transfersPerAddressDefault is that of one address without a flag: slow readers there leave room
// for others.
const transfersPerAddressDefault = 2_000

// sessionsDefault is the number of sessions without a flag: 9,000 clients at once and some room.
const sessionsDefault = 10_000

// leaseRestMin is the shortest rest after which a lease may serve again when no other is free.
// (PROTOCOL, Ports: "the longest-rested one serves once it has rested 30 s".)
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
	bad(o.Port != NoPort || o.Classic, "name the port to listen on")
	// PROTOCOL, Classic exchange: "Classic lives on the first reactor only".
	bad(o.Port != NoPort || o.Reactors == 1,
		"--reactors %d: the classic exchange alone has one reactor", o.Reactors)
	bad(!o.Classic || o.ClassicPorts.differ(o.Port),
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
		bad(info.IsDir(), "--root %s: this is no folder; name the folder to serve", o.Root)
	}
	if o.AddrFile != "" {
		folder, err := os.Stat(filepath.Dir(o.AddrFile))
		bad(err == nil && folder.IsDir(), "--addr-file %s: no such folder", o.AddrFile)
	}
	o.Limits.validate(bad)
	if len(faults) == 0 {
		return nil
	}
	return &OptionsError{faults}
}

// validate tells every limit that is out of its bounds.
func (l *Limits) validate(bad func(ok bool, format string, args ...any)) {
	for _, n := range []struct {
		flag string
		v    int64
		min  int64
		max  int64
	}{
		{"--max-sessions", int64(l.Sessions), 0, 1 << 20},
		{"--max-sessions-per-address", int64(l.SessionsPerAddress), 1, 1 << 20},
		{"--max-session-rate", int64(l.SessionRate), 1, 1 << 20},
		{"--max-transfers", int64(l.Transfers), 0, 1 << 20},
		{"--max-transfers-per-address", int64(l.TransfersPerAddress), 0, 1 << 20},
		{"--max-offers-per-address", int64(l.OffersPerAddress), 1, 1 << 20},
		{"--max-command", int64(l.CommandBytes), 16, 4096},
		{"--max-control-buffer", l.ControlBufferBytes, 4106, 1 << 30},
		{"--max-upload", l.UploadBytes, 0, 1 << 62},
		{"--min-free", l.FreeBytes, 0, 1 << 62},
		{"--max-sums-per-address", int64(l.SumsPerAddress), 1, 1 << 20},
		{"--max-sum", l.SumBytes, 0, 1 << 62},
		{"--max-parts", int64(l.Parts), 2, 1 << 30},
		{"--max-keyless", int64(l.Keyless), 1, 1 << 16},
		{"--max-listing", l.ListingBytes, 4096, 1 << 30},
		{"--max-listing-memory", l.ListingsBytes, listingsMin * l.ListingBytes, 1 << 40},
		{"--min-rate", l.RateBytes, 1, 1 << 40},
	} {
		bad(n.v >= n.min && n.v <= n.max,
			"%s %d: give from %d to %d", n.flag, n.v, n.min, n.max)
	}
	for _, d := range []struct {
		flag string
		v    time.Duration
	}{
		{"--idle-timeout", l.IdleTimeout},
		{"--offer-timeout", l.OfferTimeout},
		{"--lease-rest", l.LeaseRest},
		{"--classic-rest", l.ClassicRest},
		{"--stall-timeout", l.StallTimeout},
		{"--drain-timeout", l.DrainTimeout},
	} {
		bad(d.v >= time.Millisecond && d.v <= 1000*time.Hour,
			"%s %v: give from 1ms to 1000h", d.flag, d.v)
	}
}

// parser turns the names of commands into those of a store.
func (o *Options) parser() fsio.Parser { return fsio.Parser{Dotfiles: o.Dotfiles} }

// storeOptions says how the root is served.
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

// String is the word as the flag takes it.
func (d *Durability) String() string { return string(*d) }

// Set reads the flag's word.
func (d *Durability) Set(word string) error {
	switch w := Durability(word); w {
	case DurabilityNone, DurabilityCommit:
		*d = w
		return nil
	}
	return errors.New("give none or commit")
}

// Type is the placeholder in the flag's help.
func (*Durability) Type() string { return "WORD" }

// features are what a server with these options can do, and is willing to.
func (o *Options) features() codec.Features {
	var f codec.Features
	if !o.UploadOnly {
		f |= codec.FeatureGet | codec.FeatureList | codec.FeatureStat
		if !o.NoSum {
			f |= codec.FeatureSum
		}
	}
	if o.ReadOnly {
		return f
	}
	f |= codec.FeaturePut | codec.FeatureParts | codec.FeatureMkdir
	if o.Durability == DurabilityCommit {
		f |= codec.FeatureCommit
	}
	if !o.NoSum && !o.UploadOnly { // a drop box computes none at all
		f |= codec.FeaturePartSum
	}
	if !o.NoOverwrite {
		f |= codec.FeatureReplace
		if !o.UploadOnly {
			f |= codec.FeatureChange
		}
	}
	return f
}

// switchedOff is the flag by which a server with these options refuses a command, "" for none.
func (o *Options) switchedOff(v codec.Verb) string {
	for _, by := range []struct {
		flag  string
		given bool
		alone Options
	}{
		{"--read-only", o.ReadOnly, Options{ReadOnly: true}},
		{"--upload-only", o.UploadOnly, Options{UploadOnly: true}},
		{"--no-overwrite", o.NoOverwrite, Options{NoOverwrite: true}},
		{"--no-sum", o.NoSum, Options{NoSum: true}},
	} {
		if by.given && !by.alone.features().Allows(v) {
			return by.flag
		}
	}
	return ""
}

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
