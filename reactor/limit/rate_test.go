package limit

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// In any period an address opens at most its allowance and what was refilled, and one that asks
// less often than the rate is never refused.
func TestRateHoldsOverEveryStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.IntRange(1, 50).Draw(t, "rate")
		atOnce := rapid.IntRange(1, 20).Draw(t, "at once")
		l := NewRates(perSecond, atOnce)
		steps := rapid.SliceOfN(rapid.IntRange(0, 300), 1, 200).Draw(t, "milliseconds between")
		var now time.Duration
		var taken []time.Duration
		for _, step := range steps {
			now += time.Duration(step) * time.Millisecond
			slow := time.Duration(step)*time.Millisecond >= l.interval
			if !l.Allow(loopback, now) {
				if slow {
					t.Fatalf("refused at %v, %v after the last", now, step)
				}
				continue
			}
			taken = append(taken, now)
			for i, from := range taken {
				most := atOnce + int((now-from)/l.interval)
				if n := len(taken) - i; n > most {
					t.Fatalf("%d sessions from %v to %v, at most %d", n, from, now, most)
				}
			}
		}
	})
}

func TestRateIsPerAddress(t *testing.T) {
	l := NewRates(1, 2)
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for i, want := range []bool{true, true, false} {
		if l.Allow(a, 0) != want || l.Allow(b, 0) != want {
			t.Errorf("session %d: want %v", i+1, want)
		}
	}
	if !l.Allow(a, time.Second) || l.Allow(a, time.Second) {
		t.Error("a second brings back one session")
	}
}

// An IPv6 network has no more than one address has.
func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.2.3":                  "10.1.2.3",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::",
		"2001:db8:1:2:ffff::1":      "2001:db8:1:2::",
		"2001:db8:1:3::1":           "2001:db8:1:3::",
		"fe80::1":                   "fe80::",
		"::1":                       "::",
		"ffff:ffff:ffff:ffff:f::ff": "ffff:ffff:ffff:ffff::",
	} {
		if got := Network(netip.MustParseAddr(text)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %v, want %s", text, got, want)
		}
	}
	l := NewRates(1, 1)
	if !l.Allow(netip.MustParseAddr("2001:db8::1"), 0) ||
		l.Allow(netip.MustParseAddr("2001:db8::2"), 0) {
		t.Error("a second address of the same network had a separate allowance")
	}
	b := budget(t, nil)
	one := b.Hold(netip.MustParseAddr("2001:db8::1"))
	two := b.Hold(netip.MustParseAddr("2001:db8::2"))
	if one != two {
		t.Error("two addresses of a network have separate limits")
	}
	b.Release(one)
	if b.Addresses() != 1 {
		t.Error("the network is no longer held")
	}
	b.Release(two)
	if b.Addresses() != 0 {
		t.Error("the network is still held")
	}
}

// Addresses with a full allowance are not remembered, however many there are.
func TestRatesForgetAddresses(t *testing.T) {
	l := NewRates(1000, 10)
	ip := netip.MustParseAddr("10.0.0.0")
	var now time.Duration
	most := 0
	for range 100_000 {
		ip = ip.Next()
		now += 10 * time.Microsecond // 100,000 a second, each full again after a millisecond
		if !l.Allow(ip, now) {
			t.Fatal("an address's first session was refused")
		}
		most = max(most, len(l.full))
	}
	if most > ratesSweep {
		t.Errorf("%d addresses were remembered", most)
	}
}
