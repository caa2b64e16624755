package loop

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/panjf2000/gnet/v2/pkg/socket"
	"golang.org/x/sys/unix"
)

// Reservation holds a port without listening, so that no other program takes it before the loops
// listen on it.
type Reservation struct {
	// Port is the port that is held.
	Port int
	fds  []int
}

// Reserve holds a port on all of the addresses, or picks one that is free on all of them if port is
// 0. Loops share their port by SO_REUSEPORT, which would hide that another server of the same user
// has it, so it is bound without that option first.
func Reserve(addresses []netip.Addr, port int) (*Reservation, error) {
	var err error
	for range reserveTries {
		var r *Reservation
		if r, err = tryReserve(addresses, port); err == nil {
			return r, nil
		}
		if port != 0 {
			break
		}
	}
	return nil, err
}

// reserveTries is how many free ports of the first address are tried on the others.
const reserveTries = 16

func tryReserve(addresses []netip.Addr, port int) (*Reservation, error) {
	if port != 0 {
		for _, ip := range addresses {
			if err := probePort(ip, port); err != nil {
				return nil, err
			}
		}
	}
	r := &Reservation{Port: port}
	for _, ip := range addresses {
		fd, bound, err := bindSocket(ip, r.Port, false, shared)
		if err != nil {
			r.Release()
			return nil, err
		}
		r.Port = bound
		r.fds = append(r.fds, fd)
	}
	return r, nil
}

// Release lets go of the port. A nil reservation may be released.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	for _, fd := range r.fds {
		closeDescriptor(fd)
	}
	r.fds = nil
}

// probePort binds and listens as a server that shares its port with nobody would.
func probePort(ip netip.Addr, port int) error {
	fd, _, err := bindSocket(ip, port, false, nil)
	if err != nil {
		return err
	}
	defer closeDescriptor(fd)
	return os.NewSyscallError("listen", unix.Listen(fd, 1))
}

// shared shares a port with gnet's listeners: on FreeBSD the option is another one, and all sockets
// of a port must have the same.
func shared(fd int) error { return socket.SetReuseport(fd, 1) }

// bindSocket binds a new TCP socket; set sets further options before that. With both, a socket of
// IPv6 serves IPv4 as well.
func bindSocket(
	ip netip.Addr, port int, both bool, set func(fd int) error,
) (fd, bound int, err error) {
	family, at := sockaddr(ip, port)
	fd, err = openSocket(family)
	if err != nil {
		return -1, 0, os.NewSyscallError("socket", err)
	}
	err = setOption(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, true)
	if family == unix.AF_INET6 {
		err = errors.Join(err, setOption(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, !both))
	}
	if set != nil {
		err = errors.Join(err, set(fd))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, at))
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(fd)
	}
	if err != nil {
		closeDescriptor(fd)
		return -1, 0, err
	}
	return fd, int(addrPort(name).Port()), nil
}

func sockaddr(ip netip.Addr, port int) (family int, at unix.Sockaddr) {
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{
		Port: port, Addr: ip.As16(), ZoneId: zoneID(ip.Zone()),
	}
}

func setOption(fd, level, option int, on bool) error {
	value := 0
	if on {
		value = 1
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
}

// zoneID is the number of the interface that a zone names.
func zoneID(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// HaveIPv6 says whether IPv6 sockets can be bound on this machine.
func HaveIPv6() bool {
	fd, err := openSocket(unix.AF_INET6)
	if err != nil {
		return false
	}
	defer closeDescriptor(fd)
	return unix.Bind(fd, &unix.SockaddrInet6{}) == nil
}
