package reactor

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ferry/reactor/loop"
)

// In no stretch of time does an address open more than its allowance and what came back meanwhile,
// and who asks less often than the rate is never refused.
func TestRateHoldsOverEveryStretch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perSecond := rapid.IntRange(1, 50).Draw(t, "rate")
		atOnce := rapid.IntRange(1, 20).Draw(t, "at once")
		l := newRates(perSecond, atOnce)
		steps := rapid.SliceOfN(rapid.IntRange(0, 300), 1, 200).Draw(t, "milliseconds between")
		var now loop.Instant
		var taken []loop.Instant
		for _, step := range steps {
			now += time.Duration(step) * time.Millisecond
			slow := time.Duration(step)*time.Millisecond >= l.interval
			if !l.allow(loopback, now) {
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

func TestRateIsEachAddressesOwn(t *testing.T) {
	l := newRates(1, 2)
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for i, want := range []bool{true, true, false} {
		if l.allow(a, 0) != want || l.allow(b, 0) != want {
			t.Errorf("session %d: want %v", i+1, want)
		}
	}
	if !l.allow(a, time.Second) || l.allow(a, time.Second) {
		t.Error("a second brings back one session")
	}
}

// Who has a network of IPv6 has no more than who has one address.
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
		if got := networkOf(netip.MustParseAddr(text)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %v, want %s", text, got, want)
		}
	}
	l := newRates(1, 1)
	if !l.allow(netip.MustParseAddr("2001:db8::1"), 0) ||
		l.allow(netip.MustParseAddr("2001:db8::2"), 0) {
		t.Error("a second address of the same network had an allowance of its own")
	}
	lim, err := newLimiter(DefaultOptions().Limits, 1, 0, 100_000)
	check(t, err)
	one, two := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if lim.hold(one) != lim.hold(two) {
		t.Error("two addresses of a network have limits of their own")
	}
	lim.release(one, lim.addresses[networkOf(one)])
	lim.release(two, lim.addresses[networkOf(two)])
	if len(lim.addresses) != 0 {
		t.Error("the network is still held")
	}
}

// Addresses whose allowance is whole are not remembered, however many come.
func TestRatesForgetAddresses(t *testing.T) {
	l := newRates(1000, 10)
	ip := netip.MustParseAddr("10.0.0.0")
	var now loop.Instant
	most := 0
	for range 100_000 {
		ip = ip.Next()
		now += 10 * time.Microsecond // 100,000 a second, each whole again after a millisecond
		if !l.allow(ip, now) {
			t.Fatal("an address's first session was refused")
		}
		most = max(most, len(l.whole))
	}
	if most > ratesSweep {
		t.Errorf("%d addresses were remembered", most)
	}
}
