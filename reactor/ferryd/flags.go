package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ferry/reactor"
	"ferry/reactor/limit"
)

// addServing declares what is served and where.
func addServing(f *pflag.FlagSet, o *reactor.Options) {
	f.StringVar(&o.Root, "root", o.Root, "serve this `DIR` and everything below it")
	f.StringVar(&o.Listen, "listen", o.Listen,
		"listen on this `HOST` only (default all addresses, IPv4 and IPv6)")
	f.StringVar(&o.AddrFile, "addr-file", o.AddrFile,
		"write HOST:PORT to this `FILE` once clients can connect; for scripts")
	f.BoolVar(&o.Classic, "classic", o.Classic,
		"serve the classic exchange too, or only that if there is no PORT")
	f.Var(&o.ClassicPorts, "classic-ports",
		"its ports for control, files and messages; 0 picks a free one")
	f.Var(oneOf(&o.Durability, reactor.DurabilityNone, reactor.DurabilityCommit), "durability",
		"commit: reply to a put, rename or removal only when it is on the disk; none: reply "+
			"earlier, so that a power cut may take files of the last seconds")
	f.DurationVar(&o.PartLifetime, "part-lifetime", o.PartLifetime,
		"keep an interrupted upload for this long, so that the client can resume it")
	f.IntVar(&o.Reactors, "reactors", o.Reactors,
		"run `N` event loops, 1 to 64; one loop uses one processor")
	f.IntVar(&o.FileWorkers, "file-workers", o.FileWorkers,
		"goroutines that wait for the disk; 8 keep its queue filled")
	f.IntVar(&o.SumWorkers, "sum-workers", o.SumWorkers,
		"goroutines that compute checksums; each may use one processor")
	f.BoolVar(&o.LockThread, "lock-thread", o.LockThread,
		"keep each event loop on its own thread, for tracing; slightly slower")
	f.BoolVar(&o.Portable, "portable", o.Portable,
		"use no system calls that only Linux has: sendfile, splice, openat2")
}

// addAccess declares who may connect and what they may do.
func addAccess(f *pflag.FlagSet, o *reactor.Options) {
	f.StringVar(&o.Users, "users", o.Users,
		"require a login from this `FILE` of users; see ferryd user --help (default no login)")
	f.BoolVar(&o.PlainPasswords, "plain-passwords", o.PlainPasswords,
		"allow logins without TLS; anyone who can read the network can learn the passwords")
	f.Var((*prefixes)(&o.Allow), "allow",
		"accept clients from this range only; repeatable (default all)")
	f.Var((*prefixes)(&o.Deny), "deny",
		"reject clients from this range, even if --allow accepts them; repeatable")
	f.BoolVar(&o.ReadOnly, "read-only", o.ReadOnly, "refuse all changes")
	f.BoolVar(&o.NoOverwrite, "no-overwrite", o.NoOverwrite,
		"refuse to replace, rename or remove existing files")
	f.BoolVar(&o.UploadOnly, "upload-only", o.UploadOnly,
		"be a drop box: refuse downloads, listings, checksums, renames and removals")
	f.BoolVar(&o.Dotfiles, "dotfiles", o.Dotfiles,
		"list and serve names that begin with a dot; such files often hold keys")
	f.BoolVar(&o.NoSum, "no-sum", o.NoSum,
		"compute no checksums; each reads a whole file for a short reply")
	f.Var(oneOf(&o.TLS.Mode, reactor.TLSOff, reactor.TLSAllow, reactor.TLSRequire), "tls",
		"off, allow or require encrypted connections; the classic exchange has no TLS")
	f.StringVar(&o.TLS.CertFile, "tls-cert", o.TLS.CertFile,
		"certificate chain, a PEM `FILE`; SIGHUP reloads it (default self-signed, made at the "+
			"first start)")
	f.StringVar(&o.TLS.KeyFile, "tls-key", o.TLS.KeyFile, "its private key, a PEM `FILE`")
	f.StringVar(&o.TLS.MinVersion, "tls-min", o.TLS.MinVersion,
		"lowest `VERSION` of TLS, 1.2 or 1.3")
	f.StringVar(&o.TLS.State, "state", o.TLS.State,
		"keep the self-signed certificate in this `DIR` (default ~/.local/state/ferryd)")
}

// addFTP declares everything about FTP.
func addFTP(f *pflag.FlagSet, o *reactor.Options) {
	f.Var((*portNumber)(&o.FTP.Port), "ftp",
		"serve FTP on this port too, or only FTP if there is no PORT; 0 picks a free one")
	f.Var((*portNumber)(&o.FTP.ImplicitPort), "ftps",
		"serve FTP clients that begin with TLS on this port; those of --ftp send AUTH TLS")
	f.Var(oneOf(&o.FTP.Resume, reactor.ResumePrefer, reactor.ResumeRequire), "ftp-resume",
		"require: refuse encrypted data connections that do not resume control's TLS session, "+
			"and with them clients that never do (Python's ftplib, curl with TLS 1.2); prefer: "+
			"accept them")
	f.BoolVar(&o.FTP.Active, "ftp-active", o.FTP.Active,
		"allow active mode (PORT, EPRT), but only to the client's own address")
	f.StringVar(&o.FTP.Banner, "ftp-banner", o.FTP.Banner,
		"greet clients with this `TEXT` (default no name and no version)")
	f.Var((*advertised)(&o.FTP.Advertise), "advertise",
		"IPv4 address to announce for passive mode, for a server behind NAT; CIDR=HOST for the "+
			"clients of one network; repeatable")
}

// addLogging declares what is logged and how.
func addLogging(f *pflag.FlagSet, l *logFlags) {
	l.level, l.format = "info", "auto"
	f.Var(oneOf(&l.level, "debug", "info", "warn", "error"), "log-level",
		"log from this `LEVEL` up: debug, info, warn, error")
	f.Var(oneOf(&l.format, "auto", "json", "text"), "log-format",
		"`FORMAT` of the log: json, text or auto; auto is text on a terminal, JSON lines elsewhere")
}

// addLimits declares every limit, those of time among timing.
func addLimits(limits, timing *pflag.FlagSet, o *reactor.Options) {
	ports := map[string]pflag.Value{"data-ports": &o.DataPorts, "keyed-ports": &o.KeyedPorts}
	for _, row := range o.Limits.Table() {
		switch p := row.Value.(type) {
		case *int:
			limits.IntVar(p, row.Flag, *p, row.Help)
		case *int64:
			limits.Var((*limit.Size)(p), row.Flag, row.Help)
		case *time.Duration:
			timing.DurationVar(p, row.Flag, *p, row.Help)
		default:
			limits.Var(ports[row.Flag], row.Flag, row.Help)
		}
	}
}

// choice is a flag that takes one of a few words.
type choice[T ~string] struct {
	to    *T
	words []T
}

func oneOf[T ~string](to *T, words ...T) pflag.Value { return choice[T]{to, words} }

func (c choice[T]) String() string { return string(*c.to) }

func (c choice[T]) Set(word string) error {
	if !slices.Contains(c.words, T(word)) {
		return fmt.Errorf("give one of %v", c.words)
	}
	*c.to = T(word)
	return nil
}

func (choice[T]) Type() string { return "WORD" }

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

// portNumber is a flag that takes a port; without it there is none.
type portNumber int

func (p *portNumber) String() string {
	if p == nil || int(*p) == reactor.NoPort {
		return ""
	}
	return strconv.Itoa(int(*p))
}

func (p *portNumber) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("give a number from 0 to 65535")
	}
	*p = portNumber(n)
	return nil
}

func (p *portNumber) Type() string { return "PORT" }

// advertised is a repeatable flag of addresses that clients are told.
type advertised []reactor.Advertised

func (a *advertised) String() string {
	var out []string
	for _, one := range *a {
		out = append(out, one.To.String()+"="+one.Address.String())
	}
	return strings.Join(out, ",")
}

func (a *advertised) Set(text string) error {
	network, host, found := strings.Cut(text, "=")
	if !found {
		network, host = "0.0.0.0/0", text
	}
	to, err := netip.ParsePrefix(network)
	if err != nil {
		return errors.New("give an address, or CIDR=ADDRESS such as 10.0.0.0/8=10.1.2.3")
	}
	addresses, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip4", host)
	if err != nil || len(addresses) == 0 {
		return fmt.Errorf("%s has no IPv4 address", host)
	}
	one := reactor.Advertised{To: to.Masked(), Address: addresses[0].Unmap()}
	if found {
		*a = append(advertised{one}, *a...) // a network counts before all clients
	} else {
		*a = append(*a, one)
	}
	return nil
}

func (a *advertised) Type() string { return "HOST" }
