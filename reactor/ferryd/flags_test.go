package main

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ferry/codec"
	"ferry/reactor/limit"
)

// FuzzFlags gives any text to the flags that have a form of their own: what they take is told in
// words that they take for the same.
func FuzzFlags(f *testing.F) {
	for _, text := range []string{
		"10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:1.2.3.4", "fe80::1%eth0", "1.2.3.4/33", "::/0",
		"20021,20020,20023", "0,0,0", "1,2", "1,2,65536", "+1,2,3", "4096", "64KiB", "1.5GB", "-1",
		"1e9", "9EiB", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		flagPrefixes(t, text)
		var ports, again codec.ClassicPorts
		if err := ports.Set(text); err == nil {
			if err := again.Set(ports.String()); err != nil || again != ports {
				t.Errorf("%q became %v, and that %v, %v", text, ports, again, err)
			}
			if strings.Trim(text, "0123456789,") != "" {
				t.Errorf("%q are ports", text)
			}
		}
		var size limit.Size
		err := size.Set(text)
		if size < 0 {
			t.Errorf("%q is %d bytes", text, size)
		}
		if n, no := strconv.ParseUint(text, 10, 50); no == nil && text[0] != '+' &&
			(err != nil || uint64(size) != n) {
			t.Errorf("%q is %d bytes, %v", text, size, err)
		}
		var same limit.Size
		if err == nil && (same.Set(size.String()) != nil || same != size) {
			t.Errorf("%q is printed as %q, which is %d bytes", text, size.String(), same)
		}
	})
}

func flagPrefixes(t *testing.T, text string) {
	var ranges, again prefixes
	if ranges.Set(text) != nil {
		return
	}
	if err := again.Set(ranges.String()); err != nil || !slices.Equal(again, ranges) {
		t.Errorf("%q became %v, and that %v, %v", text, ranges, again, err)
	}
	// Clients are known by their addresses without a zone, and by IPv4's where it is mapped.
	whole, _, _ := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(whole)
	if ip = ip.Unmap().WithZone(""); err == nil && !ranges[0].Contains(ip) &&
		!strings.HasPrefix(whole, "::ffff:") {
		t.Errorf("%q does not hold %v", text, ip)
	}
}
