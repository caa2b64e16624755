package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The protocols that servers are spoken to in.
const (
	ProtoBase    = "base"
	ProtoStatus  = "status"
	ProtoFTP     = "ftp"
	ProtoHTTP    = "http"
	ProtoHTTPNew = "http-new"
)

// protocols are all of them, with what they are.
var protocols = []struct{ name, about string }{
	{ProtoBase, "ferry's base exchange"},
	{ProtoStatus, "ferry's status exchange"},
	{ProtoFTP, "FTP with passive data connections (EPSV, else PASV)"},
	{ProtoHTTP, "HTTP/1.1, a connection kept for each client"},
	{ProtoHTTPNew, "HTTP/1.1, a new connection for each request"},
}

// Site is a server and how it is spoken to.
type Site struct {
	// Name tells it from others in a run.
	Name string
	// Proto is one of Protocols. Empty means base.
	Proto string
	// Address is HOST:PORT.
	Address string
	// Folder is where files are put, in the protocol's words, with a slash at its end. Empty
	// means the folder that a session begins in.
	Folder string
	// User and Password are FTP's. Empty means anonymous.
	User, Password string
	// PID is the server's process, whose usage is measured with that of its children. 0 means
	// not known.
	PID int
}

// Protocols are the protocols' names and what each is.
func Protocols() (names, abouts []string) {
	for _, p := range protocols {
		names, abouts = append(names, p.name), append(abouts, p.about)
	}
	return names, abouts
}

// ParseSite reads [NAME=]PROTO://[USER:PASSWORD@]HOST:PORT[/FOLDER][?pid=N], or HOST:PORT for a
// server of the base exchange. Without a name the protocol serves as one.
func ParseSite(text string) (Site, error) {
	rest := text
	var s Site
	if name, after, ok := strings.Cut(text, "="); ok && !strings.Contains(name, "/") {
		s.Name, rest = name, after
	}
	if !strings.Contains(rest, "://") {
		rest = ProtoBase + "://" + rest
	}
	u, err := url.Parse(rest)
	if err != nil {
		return Site{}, fmt.Errorf("%s: it is [NAME=]PROTO://HOST:PORT: %w", text, err)
	}
	s.Proto, s.Address = u.Scheme, u.Host
	s.Folder = strings.TrimPrefix(u.Path, "/")
	if s.Folder != "" && !strings.HasSuffix(s.Folder, "/") {
		s.Folder += "/"
	}
	s.User = u.User.Username()
	s.Password, _ = u.User.Password()
	if pid := u.Query().Get("pid"); pid != "" {
		if s.PID, err = strconv.Atoi(pid); err != nil {
			return Site{}, fmt.Errorf("%s: pid is no number", text)
		}
	}
	if s.Name == "" {
		s.Name = s.Proto
	}
	if err := s.validate(); err != nil {
		return Site{}, fmt.Errorf("%s: %w", text, err)
	}
	return s, nil
}

func (s *Site) validate() error {
	known := slices.ContainsFunc(protocols, func(p struct{ name, about string }) bool {
		return p.name == s.Proto
	})
	if !known && s.Proto != "" {
		names, _ := Protocols()
		return fmt.Errorf("no protocol %q: there are %s", s.Proto, strings.Join(names, ", "))
	}
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return errors.New("an address is HOST:PORT, an IPv6 host in brackets")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("a port is a number from 1 to 65535")
	}
	return nil
}

// exchange is what speaks to it.
func (s *Site) exchange() exchange {
	switch s.Proto {
	case ProtoFTP:
		f := &ftp{user: s.User, password: s.Password}
		if f.user == "" {
			f.user, f.password = "anonymous", "ferrybench@"
		}
		return f
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

// prefix begins the names of files there.
func (s *Site) prefix(names string) string {
	if s.Proto == ProtoHTTP || s.Proto == ProtoHTTPNew {
		return names // the folder stands in every request
	}
	return s.Folder + names
}

// loopback says whether clients may come from all of 127.0.0.0/8.
func (s *Site) loopback() bool {
	at, err := netip.ParseAddrPort(s.Address)
	return err == nil && at.Addr().Unmap().Is4() && at.Addr().IsLoopback()
}

// resolved is the site with its host as a number, so that the driver need not look it up.
func (s *Site) resolved() (Site, error) {
	at, err := net.ResolveTCPAddr("tcp", s.Address)
	if err != nil {
		return Site{}, err
	}
	r := *s
	r.Address = at.AddrPort().String()
	return r, nil
}

// source is the address that the client of that number connects from: one of so many addresses,
// 127.0.0.1 and what follows it. 0 leaves the choice to the system.
func source(client, sources int) netip.Addr {
	if sources == 0 {
		return netip.Addr{}
	}
	n := uint32(127)<<24 + 1 + uint32(client%sources)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// sourcesMax is the number of addresses in 127.0.0.0/8, network and broadcast left out.
const sourcesMax = 1<<24 - 2
