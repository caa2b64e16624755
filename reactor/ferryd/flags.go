package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ferry/reactor"
	"ferry/reactor/limit"
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
	f.StringVar(&o.Users, "users", o.Users,
		"the `FILE` of those who may log in, see ferryd user --help (default no login)")
	f.BoolVar(&o.PlainPasswords, "plain-passwords", o.PlainPasswords,
		"let users log in without TLS: whoever can read the network can guess their passwords")
	f.Var((*prefixes)(&o.Allow), "allow",
		"admit clients in this range alone, repeatable (default all)")
	f.Var((*prefixes)(&o.Deny), "deny",
		"turn clients in this range away, even if --allow admits them, repeatable")
	f.BoolVar(&o.Classic, "classic", o.Classic,
		"serve the classic exchange (CONN, RETR, GOODBYE SERVER) too, or alone without PORT")
	f.Var(&o.ClassicPorts, "classic-ports",
		"its ports for control, files and messages; 0 picks a free one")
	f.Var((*portNumber)(&o.FTP.Port), "ftp",
		"serve FTP on this port too, or alone without PORT; 0 picks a free one")
	f.Var((*portNumber)(&o.FTP.ImplicitPort), "ftps",
		"serve FTP clients that begin with TLS on this port; --ftp serves those that send AUTH TLS")
	f.Var(&o.FTP.Resume, "ftp-resume",
		"prefer, or require that encrypted data connections of FTP resume the TLS session of "+
			"control; some clients never do")
	f.BoolVar(&o.FTP.Active, "ftp-active", o.FTP.Active,
		"let FTP clients have the server connect to them (PORT, EPRT), at their own address")
	f.StringVar(&o.FTP.Banner, "ftp-banner", o.FTP.Banner,
		"greet FTP clients with this `TEXT` (default no name and no version)")
	f.Var((*advertised)(&o.FTP.Advertise), "advertise",
		"tell FTP clients to connect to this IPv4 address, for a server behind address "+
			"translation; CIDR=HOST for the clients of one network, repeatable")
	f.Var(&o.TLS.Mode, "tls",
		"off, allow, or require: which connections to encrypt; the classic exchange never is")
	f.StringVar(&o.TLS.MinVersion, "tls-min", o.TLS.MinVersion,
		"oldest `VERSION` of TLS, 1.2 or 1.3")
	f.StringVar(&o.TLS.CertFile, "tls-cert", o.TLS.CertFile,
		"certificate chain, a PEM `FILE` that SIGHUP reads again (default a self-signed one, made "+
			"at the first start)")
	f.StringVar(&o.TLS.KeyFile, "tls-key", o.TLS.KeyFile, "its private key, a PEM `FILE`")
	f.StringVar(&o.TLS.State, "state", o.TLS.State,
		"keep the self-signed certificate in this `DIR` (default ~/.local/state/ferryd)")
	addLimits(f, o)
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

// addLimits declares the flags of all limits.
func addLimits(f *pflag.FlagSet, o *reactor.Options) {
	ports := map[string]pflag.Value{"data-ports": &o.DataPorts, "keyed-ports": &o.KeyedPorts}
	for _, row := range o.Limits.Table() {
		switch p := row.Value.(type) {
		case *int:
			f.IntVar(p, row.Flag, *p, row.Help)
		case *int64:
			f.Var((*limit.Size)(p), row.Flag, row.Help)
		case *time.Duration:
			f.DurationVar(p, row.Flag, *p, row.Help)
		default:
			f.Var(ports[row.Flag], row.Flag, row.Help)
		}
	}
}

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
