package reactor

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"ferry/codec"
)

// Description says in words what a server does, for its start line.
type Description struct {
	// Root is the served folder, absolute.
	Root string
	// Listen is where: "all addresses" or the addresses.
	Listen string
	// Port is the control port or NoPort, Classic that of the classic exchange or NoPort.
	// DataPorts is what a firewall must let through beside them.
	Port, Classic int
	// FTP is the port of FTP or NoPort, FTPS that of clients that begin with TLS.
	FTP, FTPS int
	DataPorts string
	// To says who may connect, May what they may do.
	To, May string
	// Login says who logs in.
	Login string
	// TLS says which connections are encrypted; Fingerprint is the SHA-256 of the certificate.
	TLS         TLSMode
	Fingerprint string
	// Connect is the command that connects a client.
	Connect string
	// Warning is set where anyone may write.
	Warning string
	// Sessions and Transfers are the limits in force.
	Sessions, Transfers int
	// Leftovers is how many temporary files of a killed server were removed.
	Leftovers int
}

// Describe says what the server does. It may be called until Run has returned.
func (s *Server) Describe() Description {
	o := &s.options
	root, err := filepath.Abs(o.Root)
	if err != nil {
		root = o.Root
	}
	d := Description{
		Root:      root,
		Port:      s.Port(),
		Classic:   s.ClassicPort(),
		FTP:       s.FTPPort(),
		FTPS:      s.portOf("ftps"),
		DataPorts: portList(s.dataPorts),
		Sessions:  s.limiter.Limits.Sessions,
		Transfers: s.limiter.Limits.Transfers,
		Leftovers: s.swept,
		TLS:       o.TLS.Mode, Fingerprint: s.fingerprint(),
		Listen: "all addresses, IPv4 and IPv6",
		To:     "anyone who can reach this machine",
		Login:  s.loginText(),
		May:    "list, get, put (replacing what is there)",
	}
	if o.Listen != "" {
		d.Listen = join(s.addresses)
	} else if len(s.addresses) == 1 {
		d.Listen = "all addresses, IPv4 only"
	}
	local := o.Listen != "" && s.addresses[0].IsLoopback()
	if local {
		d.To = "programs on this machine"
	}
	if len(o.Allow) > 0 {
		d.To = "clients in " + join(o.Allow)
	}
	if len(o.Deny) > 0 {
		d.To += ", except " + join(o.Deny)
	}
	writes := !o.ReadOnly && (o.Port != NoPort || o.FTP.Serves())
	status := writes && (o.FTP.Serves() || s.speaksStatus())
	changes := status && o.features().Has(codec.FeatureChange)
	switch {
	case o.Port == NoPort && !o.FTP.Serves():
		d.May = "get" // all that the classic exchange has
	case o.ReadOnly:
		d.May = "list and get"
	case o.UploadOnly && o.NoOverwrite:
		d.May = "put (new names only)"
	case o.UploadOnly:
		d.May = "put (replacing what is there)"
	case o.NoOverwrite:
		d.May = "list, get, put (new names only)"
	}
	switch {
	case changes:
		d.May += ", make folders, rename and remove"
	case status && o.features().Has(codec.FeatureMkdir):
		d.May += ", make folders"
	}
	d.Warning = s.warning(writes && !local && len(o.Allow) == 0, changes)
	d.Connect = s.connect(&d)
	return d
}

func (s *Server) connect(d *Description) string {
	switch {
	case d.Port != NoPort:
		return s.ferry() + s.host() + " " + strconv.Itoa(d.Port)
	case d.FTP != NoPort:
		return "curl ftp://" + net.JoinHostPort(s.host(), strconv.Itoa(d.FTP)) + "/"
	case d.FTPS != NoPort:
		return "curl -k ftps://" + net.JoinHostPort(s.host(), strconv.Itoa(d.FTPS)) + "/"
	case d.Classic != int(codec.DefaultClassicPorts().Control):
		return "ferry --classic " + s.host() + " " + strconv.Itoa(d.Classic)
	default:
		return "ferry --classic " + s.host()
	}
}

// ferry is how ferry connects, without the address.
func (s *Server) ferry() string {
	how := "ferry "
	if s.tls != nil {
		how += "--tls "
	}
	if a := s.accounts.Load(); a != nil && a.anonymous.closed {
		how += "NAME@"
	}
	return how
}

// warning says what a server risks, where that is more than its owner may expect. Strangers may
// write if it is open, and remove if changes is set.
func (s *Server) warning(open, changes bool) string {
	switch o := &s.options; {
	case o.Users != "" && o.PlainPasswords && o.TLS.Mode != TLSRequire:
		return "passwords and files travel without encryption (--plain-passwords): " +
			"whoever can read the network can log in"
	case o.Users != "" && s.tls == nil:
		return "no user can log in without TLS or --plain-passwords"
	case o.Users != "":
		return ""
	case open && changes:
		return "anyone who can connect may store and remove files here; " +
			"--read-only, --no-overwrite or --allow CIDR narrow that"
	case open:
		return "anyone who can connect may store files here; " +
			"--read-only, --no-overwrite or --allow CIDR narrow that"
	default:
		return ""
	}
}

// host is an address by which clients reach this machine.
func (s *Server) host() string {
	if ip := s.addresses[0]; !ip.IsUnspecified() {
		return ip.String()
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

func join[T fmt.Stringer](all []T) string {
	var out []string
	for _, one := range all {
		out = append(out, one.String())
	}
	return strings.Join(out, ", ")
}
