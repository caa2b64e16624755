package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"ferry/reactor"
)

// addFlags declares every flag with its default and its reason.
func addFlags(f *pflag.FlagSet, o *reactor.Options, l *logFlags) {
	f.SortFlags = false
	f.StringVar(&o.Root, "root", o.Root, "the `DIR` that is served, with everything beneath it")
	f.StringVar(&o.Listen, "listen", o.Listen,
		"listen on this `HOST` alone (default all addresses, IPv4 and IPv6)")
	f.StringVar(&o.AddrFile, "addr-file", o.AddrFile,
		"write HOST:PORT to this `FILE` once clients can connect, for scripts")
	f.BoolVar(&o.ReadOnly, "read-only", o.ReadOnly, "refuse whatever changes anything")
	f.BoolVar(&o.NoOverwrite, "no-overwrite", o.NoOverwrite,
		"refuse what would replace, rename or remove what is there")
	f.BoolVar(&o.UploadOnly, "upload-only", o.UploadOnly,
		"a drop box: refuse every get, listing and checksum, and to rename or remove anything")
	f.BoolVar(&o.NoSum, "no-sum", o.NoSum,
		"compute no checksums: each reads a whole file for a few bytes of answer")
	f.BoolVar(&o.Dotfiles, "dotfiles", o.Dotfiles,
		"list and serve names that begin with a dot; off, since they hold keys and settings")
	f.Var((*prefixes)(&o.Allow), "allow",
		"admit clients in this range alone, repeatable (default all)")
	f.Var((*prefixes)(&o.Deny), "deny",
		"turn clients in this range away, even if --allow admits them, repeatable")
	f.BoolVar(&o.Classic, "classic", o.Classic,
		"serve the classic exchange (CONN, RETR, GOODBYE SERVER) too, or alone without PORT")
	f.Var((*classicPorts)(&o.ClassicPorts), "classic-ports",
		"its ports for control, files and messages; 0 picks a free one")
	f.Var(&o.DataPorts, "data-ports",
		"ports for data connections of each reactor, or a range for all: as many offers can "+
			"stand for one client address at once, and each takes a millisecond")
	f.Var(&o.KeyedPorts, "keyed-ports",
		"the same for the status exchange, whose sessions share them all; 0 serves base alone")
	addLimits(f, &o.Limits)
	f.IntVar(&o.Reactors, "reactors", o.Reactors,
		"event loops side by side, `N` of 1 to 64; one serves 20,000 small files a second")
	f.IntVar(&o.FileWorkers, "file-workers", o.FileWorkers,
		"goroutines for file work that waits for the disk; 8 keep a disk's queue filled")
	f.IntVar(&o.SumWorkers, "sum-workers", o.SumWorkers,
		"goroutines for checksums, each of which may keep a processor busy")
	f.Var(&o.Durability, "durability",
		"none, or commit: a put, rename or removal is answered once it is on the disk and "+
			"outlives a power cut, which takes its time; many puts at once share it")
	f.DurationVar(&o.PartLifetime, "part-lifetime", o.PartLifetime,
		"keep the beginning of an upload that broke off this long, to be gone on with")
	f.BoolVar(&o.LockThread, "lock-thread", o.LockThread,
		"keep each event loop on its own thread, for tracing; costs a little")
	f.BoolVar(&o.Portable, "portable", o.Portable,
		"use only what every system has: no sendfile, splice or openat2")
	f.StringVar(&l.level, "log-level", "info", "least `LEVEL` logged: debug, info, warn, error")
	f.StringVar(&l.format, "log-format", "auto",
		"json, text, or auto: text on a terminal, JSON lines elsewhere")
}

func addLimits(f *pflag.FlagSet, l *reactor.Limits) {
	f.IntVar(&l.Sessions, "max-sessions", l.Sessions,
		"control connections at once; more are closed (default 10,000 for 9,000 clients and room, "+
			"or half the descriptors)")
	f.IntVar(&l.SessionsPerAddress, "max-sessions-per-address", l.SessionsPerAddress,
		"the same for one client address: a whole lab may be behind one router")
	f.IntVar(&l.SessionRate, "max-session-rate", l.SessionRate,
		"sessions that one client address may open a second, after as many as it may have at "+
			"once: scripts that open one for each file stay below, a flood leaves others time")
	f.IntVar(&l.Transfers, "max-transfers", l.Transfers,
		"offers and data connections at once; more wait (default what descriptors allow)")
	f.IntVar(&l.TransfersPerAddress, "max-transfers-per-address", l.TransfersPerAddress,
		"the same for one client address, so that slow readers there leave room for others "+
			"(default 2,000, or half of --max-transfers)")
	f.IntVar(&l.OffersPerAddress, "max-offers-per-address", l.OffersPerAddress,
		"those of them that nobody connected to yet: to hold one costs a client nothing, and to "+
			"take one a round trip; more wait")
	f.IntVar(&l.CommandBytes, "max-command", l.CommandBytes,
		"longest command in bytes, 16 to 4096: a name of 4,096 is the longest there is")
	f.Var((*byteSize64)(&l.ControlBufferBytes), "max-control-buffer",
		"bytes that a client may send ahead on control, since they take memory")
	f.Var((*byteSize64)(&l.UploadBytes), "max-upload", "largest file taken in, 0 for any")
	f.Var((*byteSize64)(&l.FreeBytes), "min-free",
		"bytes that uploads leave free on the disk, so that a full disk breaks nothing else; of "+
			"the rest half is kept free for what one address has announced")
	f.Var((*byteSize64)(&l.SumBytes), "max-sum",
		"bytes read for the checksums of one session, 0 for any; one that is remembered reads "+
			"none, and whoever needs more connects anew")
	f.IntVar(&l.SumsPerAddress, "max-sums-per-address", l.SumsPerAddress,
		"checksums of one client address at once, waiting ones too, so that others have a turn")
	f.IntVar(&l.Keyless, "max-keyless", l.Keyless,
		"data connections of the status exchange that have not said which offer they take: the "+
			"first bytes do, so that few are honest; an address has as many as it leaves to "+
			"others, and the oldest is closed for another")
	f.IntVar(&l.Parts, "max-parts", l.Parts,
		"kept beginnings of uploads, since each takes two files; an address has as many as it "+
			"leaves to others, and empty ones make room after a minute")
	f.Var((*byteSize64)(&l.ListingBytes), "max-listing",
		"longest listing of a folder: some 800,000 names")
	f.Var((*byteSize64)(&l.ListingsBytes), "max-listing-memory",
		"memory of all listings at once, four of the longest or more; an address has as much as "+
			"it leaves to others, for large ones half of that; more wait their turn")
	f.Int64Var(&l.RateBytes, "min-rate", l.RateBytes,
		"bytes a second that a transfer must move over --stall-timeout: any modem does more")
	f.DurationVar(&l.IdleTimeout, "idle-timeout", l.IdleTimeout,
		"end a session that sends no command and waits for nothing; people think that long")
	f.DurationVar(&l.OfferTimeout, "offer-timeout", l.OfferTimeout,
		"end an offer that nobody took; a connect takes three tries at most in that time")
	f.DurationVar(&l.LeaseRest, "lease-rest", l.LeaseRest,
		"keep the port of an untaken offer from that address: a connect may come that late")
	f.DurationVar(&l.ClassicRest, "classic-rest", l.ClassicRest,
		"the same for the classic exchange's two ports, where all its sessions wait for it")
	f.DurationVar(&l.StallTimeout, "stall-timeout", l.StallTimeout,
		"reset a transfer under --min-rate for this long; a network recovers sooner")
	f.DurationVar(&l.DrainTimeout, "drain-timeout", l.DrainTimeout,
		"let running transfers finish this long after SIGTERM")
}

// byteSize64 is a flag that takes 4096, 64KiB, 1.5GB and the like.
type byteSize64 int64

func (b *byteSize64) String() string {
	if b == nil || *b == 0 {
		return "0"
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*b)), " ", "")
}

func (b *byteSize64) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return errors.New("give a size such as 4096, 64KiB or 1.5GB")
	}
	*b = byteSize64(n)
	return nil
}

func (b *byteSize64) Type() string { return "SIZE" }

// prefixes is a repeatable flag of address ranges.
type prefixes []netip.Prefix

func (p *prefixes) String() string {
	var out []string
	for _, prefix := range *p {
		out = append(out, prefix.String())
	}
	return strings.Join(out, ",")
}

func (p *prefixes) Set(text string) error {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		ip, ipErr := netip.ParseAddr(text)
		if ipErr != nil {
			return fmt.Errorf("give an address or a range such as 192.168.0.0/16")
		}
		prefix = netip.PrefixFrom(ip, ip.BitLen())
	}
	if ip := prefix.Addr(); ip.Is4In6() && prefix.Bits() >= mappedBits {
		// Clients are known by their IPv4 address, however they came.
		prefix = netip.PrefixFrom(ip.Unmap(), prefix.Bits()-mappedBits)
	}
	*p = append(*p, prefix.Masked())
	return nil
}

func (p *prefixes) Type() string { return "CIDR" }

// mappedBits is how many bits go before an IPv4 address that is mapped into IPv6.
const mappedBits = 96

// classicPorts is a flag that takes three ports.
type classicPorts reactor.ClassicPorts

func (p *classicPorts) String() string { return reactor.ClassicPorts(*p).String() }

func (p *classicPorts) Set(text string) error {
	parts := strings.Split(text, ",")
	to := []*uint16{&p.Control, &p.Files, &p.Messages}
	if len(parts) != len(to) {
		return errors.New("give three ports, such as 20021,20020,20023")
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return errors.New("give three ports, such as 20021,20020,20023")
		}
		*to[i] = uint16(n)
	}
	return nil
}

func (p *classicPorts) Type() string { return "C,D,M" }
