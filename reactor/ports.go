package reactor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"ferry/reactor/loop"

	"golang.org/x/sys/unix"
)

// resolveListen turns the address to listen on into numbers. No address at all is the unspecified
// ones: IPv6 if this machine has it, and IPv4.
func resolveListen(host string) ([]netip.Addr, error) {
	if host == "" {
		all := []netip.Addr{netip.IPv4Unspecified()}
		if loop.HaveIPv6() {
			all = append(all, netip.IPv6Unspecified())
		}
		return all, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("--listen %s: no such host; give an address of this machine", host)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), nil
}

// reservePort holds a control port, on all addresses.
func reservePort(addresses []netip.Addr, port int) (*loop.Reservation, error) {
	held, err := loop.Reserve(addresses, port)
	if err != nil {
		return nil, listenError(addresses, port, err)
	}
	return held, nil
}

// listenError says what to do about a port that cannot be had.
func listenError(addresses []netip.Addr, port int, err error) error {
	where := net.JoinHostPort(addresses[0].String(), strconv.Itoa(port))
	switch {
	case errors.Is(err, unix.EADDRINUSE) && port == 0:
		return fmt.Errorf("no port is free on all addresses: %w", err)
	case errors.Is(err, unix.EADDRINUSE):
		return optionError(fmt.Errorf("port %d is in use by another program; "+
			"choose another, or 0 for any that is free", port))
	case errors.Is(err, unix.EACCES):
		return optionError(fmt.Errorf(
			"port %d: this user may not listen there; choose one from 1024 up", port))
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return optionError(fmt.Errorf(
			"--listen %s: this machine has no such address", addresses[0]))
	}
	return fmt.Errorf("listen on %s: %w", where, err)
}

// boundPort is a data port that listens.
type boundPort struct {
	listeners []*loop.Listener
	number    uint16
}

func (b boundPort) close() {
	for _, l := range b.listeners {
		l.Close()
	}
}

// Data ports that are ours to choose lie below the ports that systems give to outgoing connections
// (32,768 and up on Linux, 49,152 elsewhere), in one piece if that can be had, so that a firewall
// needs one rule.
const (
	blockFirst = 10_000
	blockLast  = 32_767
	blockTries = 64
	// blockPorts is how many they are: validate sees to it that no more are asked for.
	blockPorts = blockLast - blockFirst + 1
)

// rangeShare is how many ports of a range that is set there must be for one that the status
// exchange has of it: enough for it, and few enough that nobody misses them.
const rangeShare = 16

// bindDataPorts binds the data ports of each reactor: leased are its leases and, last, its parting
// port, keyedPorts are those of the status exchange. None of them is a control port, which is held
// without listening and would be had twice. The ports of the status exchange lie behind the others,
// in the same piece, so that a firewall's rule for one covers both, unless a range is set for them.
func bindDataPorts(
	addresses []netip.Addr, p, keyed PortRange, reactors int, control ...int,
) (leased, keyedPorts [][]boundPort, err error) {
	share := keyed.Count * reactors
	if p.First != 0 {
		share = min(keyed.Count, p.size()/(rangeShare*reactors)) * reactors
	}
	if keyed.First != 0 {
		share = 0
	}
	var all []boundPort
	if p.First != 0 {
		all, err = bindRange(addresses, "--data-ports", p, control)
	} else {
		all, err = bindFree(addresses, (p.Count+1)*reactors+share, control)
	}
	if err != nil {
		return nil, nil, err
	}
	shared := all[len(all)-share:]
	if keyed.First != 0 {
		if shared, err = bindRange(addresses, "--keyed-ports", keyed, control); err != nil {
			closePorts(all)
			return nil, nil, err
		}
	}
	deferAccept(shared)
	return divide(all[:len(all)-share], reactors), divide(shared, reactors), nil
}

// controlWithin finds a control port in a range.
func controlWithin(control []int, first, last int) (int, bool) {
	i := slices.IndexFunc(control, func(port int) bool { return port >= first && port <= last })
	if i < 0 {
		return 0, false
	}
	return control[i], true
}

// bindRange binds all ports of a range that a flag has set.
func bindRange(
	addresses []netip.Addr, flag string, p PortRange, control []int,
) ([]boundPort, error) {
	if port, ok := controlWithin(control, int(p.First), int(p.Last)); ok {
		return nil, optionError(fmt.Errorf("%s %s: sessions have port %d; choose a range "+
			"without it", flag, p, port))
	}
	ports, err := bindBlock(addresses, int(p.First), p.size())
	if err != nil {
		named := fmt.Errorf("%s %s: %w", flag, p, err)
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EACCES) ||
			errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil, optionError(named)
		}
		return nil, named
	}
	return ports, nil
}

// bindFree binds n ports that are ours to choose, in one piece if that can be had.
func bindFree(addresses []netip.Addr, n int, control []int) ([]boundPort, error) {
	for range blockTries {
		first := blockFirst + rand.IntN(blockPorts-n+1)
		if _, ok := controlWithin(control, first, first+n-1); ok {
			continue
		}
		if ports, err := bindBlock(addresses, first, n); err == nil {
			return ports, nil
		}
	}
	var ports []boundPort
	for range n {
		b, err := bindDataPort(addresses, 0)
		if err != nil {
			closePorts(ports)
			return nil, fmt.Errorf("data ports: %w", err)
		}
		ports = append(ports, b)
	}
	return ports, nil
}

func bindBlock(addresses []netip.Addr, first, n int) ([]boundPort, error) {
	var ports []boundPort
	for i := range n {
		b, err := bindDataPort(addresses, uint16(first+i))
		if err != nil {
			closePorts(ports)
			return nil, fmt.Errorf("port %d: %w", first+i, err)
		}
		ports = append(ports, b)
	}
	return ports, nil
}

// bindDataPort binds one port on all addresses; one socket serves both families where all are
// meant.
func bindDataPort(addresses []netip.Addr, port uint16) (boundPort, error) {
	b := boundPort{number: port}
	if slices.Contains(addresses, netip.IPv6Unspecified()) {
		addresses = []netip.Addr{netip.IPv6Unspecified()}
	}
	for range 16 {
		var err error
		for _, ip := range addresses {
			var l *loop.Listener
			if l, err = loop.Bind(ip, b.number); err != nil {
				break
			}
			b.listeners = append(b.listeners, l)
			b.number = l.Port()
		}
		if err == nil {
			return b, nil
		}
		b.close()
		b.listeners, b.number = nil, port
		if port != 0 || !errors.Is(err, unix.EADDRINUSE) {
			return b, err
		}
	}
	return b, errors.New("no port is free on all addresses")
}

func closePorts(ports []boundPort) {
	for _, b := range ports {
		b.close()
	}
}

// deferAccept has the system hand connections to ports of the status exchange over only when their
// first bytes are there, where it can: the client speaks first.
func deferAccept(ports []boundPort) {
	for _, b := range ports {
		for _, l := range b.listeners {
			l.DeferAccept()
		}
	}
}

// divide gives each reactor its share.
func divide(ports []boundPort, reactors int) [][]boundPort {
	out := make([][]boundPort, reactors)
	for i := range out {
		n := len(ports) / (reactors - i)
		out[i], ports = ports[:n], ports[n:]
	}
	return out
}

// portList writes ports for a firewall's rule: ranges where they are in one piece.
func portList(ports []uint16) string {
	ports = slices.Sorted(slices.Values(ports)) // they are the caller's
	var out []byte
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1] == ports[j]+1 {
			j++
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(ports[i]), 10)
		if j > i {
			out = append(out, '-')
			out = strconv.AppendUint(out, uint64(ports[j]), 10)
		}
		i = j + 1
	}
	return string(out)
}
