package bench

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The protocols that servers are measured with.
const (
	ProtoBase    = "base"
	ProtoStatus  = "status"
	ProtoFTP     = "ftp"
	ProtoHTTP    = "http"
	ProtoHTTPNew = "http-new"
)

// Named is a name and what it stands for, for help texts.
type Named struct{ Name, About string }

// Protocols are the protocols.
var Protocols = []Named{
	{ProtoBase, "ferry's base exchange"},
	{ProtoStatus, "ferry's status exchange"},
	{ProtoFTP, "FTP with passive data connections (EPSV)"},
	{ProtoHTTP, "HTTP/1.1, one persistent connection for each client"},
	{ProtoHTTPNew, "HTTP/1.1, a new connection for each request"},
}

// Site is a server and how to reach it.
type Site struct {
	Name    string // identifies it in a run
	Proto   string // one of Protocols; empty means base
	Address string // HOST:PORT
	// Folder is where files are stored, with a slash at its end. Empty means the folder that a
	// session starts in.
	Folder         string
	User, Password string // for FTP; empty means anonymous
	PID            int    // whose usage is measured, with that of its children; 0: unknown
}

// ParseSite reads [NAME=]PROTO://[USER:PASSWORD@]HOST:PORT[/FOLDER][?pid=N], or HOST:PORT for base.
// The name defaults to the protocol.
func ParseSite(text string) (Site, error) {
	var s Site
	rest := text
	if name, after, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, "/?") {
		s.Name, rest = name, after
	}
	if !strings.Contains(rest, "://") {
		rest = ProtoBase + "://" + rest
	}
	u, err := url.Parse(rest)
	if err != nil {
		return s, fmt.Errorf("%s: want [NAME=]PROTO://HOST:PORT: %w", text, err)
	}
	s.Proto, s.Address, s.Folder = u.Scheme, u.Host, strings.TrimPrefix(u.Path, "/")
	if s.Folder != "" && !strings.HasSuffix(s.Folder, "/") {
		s.Folder += "/"
	}
	s.User = u.User.Username()
	s.Password, _ = u.User.Password()
	if pid := u.Query().Get("pid"); pid != "" {
		if s.PID, err = strconv.Atoi(pid); err != nil {
			return s, fmt.Errorf("%s: pid is not a number", text)
		}
	}
	s.Name = cmp.Or(s.Name, s.Proto)
	if err := s.validate(); err != nil {
		return s, fmt.Errorf("%s: %w", text, err)
	}
	return s, nil
}

func (s *Site) validate() error {
	isProto := func(p Named) bool { return p.Name == s.Proto }
	if s.Proto != "" && !slices.ContainsFunc(Protocols, isProto) {
		return fmt.Errorf("no protocol %q; there are %s", s.Proto, nameList(Protocols))
	}
	_, port, err := net.SplitHostPort(s.Address)
	if n, parseErr := strconv.ParseUint(port, 10, 16); err != nil || parseErr != nil || n == 0 {
		return errors.New("an address is HOST:PORT, with an IPv6 host in brackets and a port " +
			"from 1 to 65535")
	}
	return nil
}

func nameList(all []Named) string {
	var names []string
	for _, one := range all {
		names = append(names, one.Name)
	}
	return strings.Join(names, ", ")
}

func (s *Site) protocol() protocol {
	switch s.Proto {
	case ProtoFTP:
		if s.User == "" {
			return &ftp{user: "anonymous", password: "ferrybench@"}
		}
		return &ftp{user: s.User, password: s.Password}
	case ProtoHTTP, ProtoHTTPNew:
		return &web{
			host: s.Address, folder: "/" + s.Folder, closes: s.Proto == ProtoHTTPNew,
		}
	case ProtoStatus:
		return &status{}
	default:
		return base{}
	}
}

// prefix starts the names of files there.
func (s *Site) prefix(names string) string {
	if s.Proto == ProtoHTTP || s.Proto == ProtoHTTPNew {
		return names // the folder is in every request
	}
	return s.Folder + names
}

// loopback says whether clients may use all addresses of 127.0.0.0/8.
func (s *Site) loopback() bool {
	at, err := netip.ParseAddrPort(s.Address)
	return err == nil && at.Addr().Unmap().Is4() && at.Addr().IsLoopback()
}

// sourceAddress is the address that a client connects from, one of 127.0.0.1 and the following.
// With 0 sources the system chooses.
func sourceAddress(client, sources int) netip.Addr {
	if sources == 0 {
		return netip.Addr{}
	}
	n := uint32(127)<<24 + 1 + uint32(client%sources)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}
