package ftp

import (
	"bytes"
	"net/netip"
)

// ParsePort reads the argument of PORT, h1,h2,h3,h4,p1,p2: six numbers under 256. The caller
// decides which addresses and ports it connects to; a port of 0 is an error here.
func ParsePort(argument []byte) (netip.AddrPort, Reply) {
	var six [6]byte
	for i := range six {
		number, rest, more := bytes.Cut(argument, []byte{','})
		n, ok := parseNumber(number)
		if !ok || len(number) > 3 || n > 255 || more != (i < len(six)-1) {
			return netip.AddrPort{}, ReplyArgument
		}
		six[i], argument = byte(n), rest
	}
	port := uint16(six[4])<<8 | uint16(six[5])
	if port == 0 {
		return netip.AddrPort{}, ReplyArgument
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(six[:4])), port), 0
}

// ParseEprt reads the argument of EPRT, |1|address|port| or |2|address|port| with any delimiter.
// (RFC 2428, section 2) An unknown protocol is ReplyProtocol.
func ParseEprt(argument []byte) (netip.AddrPort, Reply) {
	if len(argument) == 0 || argument[0] <= ' ' || argument[0] > '~' {
		return netip.AddrPort{}, ReplyArgument
	}
	parts := bytes.SplitN(argument, argument[:1], 6)
	if len(parts) != 5 || len(parts[0])+len(parts[4]) > 0 {
		return netip.AddrPort{}, ReplyArgument
	}
	protocol, known := parseNumber(parts[1])
	if !known {
		return netip.AddrPort{}, ReplyArgument
	}
	if protocol != 1 && protocol != 2 {
		return netip.AddrPort{}, ReplyProtocol
	}
	addr, err := netip.ParseAddr(string(parts[2]))
	port, ok := parseNumber(parts[3])
	if err != nil || addr.Is4() != (protocol == 1) || addr.Zone() != "" ||
		!ok || port == 0 || port > 65535 {
		return netip.AddrPort{}, ReplyArgument
	}
	return netip.AddrPortFrom(addr, uint16(port)), 0
}

// EPSV is what EPSV asks for.
type EPSV uint8

const (
	// EPSVAny is a port of the protocol of control.
	EPSVAny EPSV = iota
	// EPSV4 is a port of IPv4.
	EPSV4
	// EPSV6 is a port of IPv6.
	EPSV6
	// EPSVAll forbids all other commands that make a data connection.
	EPSVAll
)

// ParseEpsv reads the argument of EPSV. An unknown protocol is ReplyProtocol.
func ParseEpsv(argument []byte) (EPSV, Reply) {
	switch {
	case len(argument) == 0:
		return EPSVAny, 0
	case equal(argument, "ALL"):
		return EPSVAll, 0
	}
	n, ok := parseNumber(argument)
	switch {
	case !ok:
		return 0, ReplyArgument
	case n == 1:
		return EPSV4, 0
	case n == 2:
		return EPSV6, 0
	}
	return 0, ReplyProtocol
}
