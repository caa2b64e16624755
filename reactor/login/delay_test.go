package login

import (
	"net/netip"
	"testing"
	"time"
)

var here, there = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

func TestFailuresDoubleTheDelay(t *testing.T) {
	d := NewDelays()
	now := time.Hour
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30} {
		wait, ok := d.Begin(here, "ann", now)
		if !ok || wait != want*time.Second {
			t.Fatalf("login %d waits %v (%v)", i, wait, ok)
		}
		now += wait
		d.End(here, "ann", false, now)
	}
	// It is forgotten in time.
	now += delayMax + forgetAfter + 1
	d.End(here, "ann", false, now)
	if wait, _ := d.Begin(here, "ann", now); wait != delayFirst {
		t.Errorf("after a pause it waits %v", wait)
	}
}

// Right passwords do not keep old failures alive.
func TestOldFailuresDelayNoLogin(t *testing.T) {
	d := NewDelays()
	now := time.Hour
	for range 8 {
		wait, _ := d.Begin(here, "ann", now)
		now += wait
		d.End(here, "ann", false, now)
	}
	for end := now + 2*forgetAfter; now < end; now += forgetAfter / 4 {
		if _, ok := d.Begin(here, "bob", now); !ok {
			t.Fatal("a right password is refused")
		}
		d.End(here, "bob", true, now)
	}
	for range 10 {
		if wait, ok := d.Begin(here, "bob", now); !ok || wait > 0 {
			t.Fatalf("a login waits %v", wait)
		}
	}
}

// 1,000 guesses at one user delay neither that user elsewhere nor any other address.
func TestGuessesDelayNobodyElse(t *testing.T) {
	d := NewDelays()
	refused := 0
	for range 1000 {
		if _, ok := d.Begin(here, "ann", 0); !ok {
			refused++
			continue
		}
		d.End(here, "ann", false, 0)
	}
	if checked := 1000 - refused; checked > 7 { // 1+2+4+8+16 s, then more than 30
		t.Errorf("%d guesses were checked", checked)
	}
	for _, user := range []string{"ann", "bob"} {
		if wait, ok := d.Begin(there, user, 0); !ok || wait != 0 {
			t.Errorf("%s waits %v elsewhere", user, wait)
		}
	}
	if _, ok := d.Begin(here, "bob", 0); ok {
		t.Error("another name helps to guess")
	}
}

// A right password ends the user's own delay, but not that of the address.
func TestOwnAccountHelpsNobodyToGuess(t *testing.T) {
	d := NewDelays()
	now := time.Duration(0)
	for i := range 6 {
		wait, ok := d.Begin(here, "ann", now)
		if !ok {
			t.Fatal("a login is refused")
		}
		now += wait
		d.End(here, "ann", false, now)
		if wait, ok = d.Begin(here, "eve", now); !ok || wait < delay(i+1) {
			t.Errorf("an own login after %d guesses waits %v", i+1, wait)
		}
		now += wait
		d.End(here, "eve", true, now)
	}
	if d.failures[guessers(here, "eve")[1]] != nil {
		t.Error("a login that succeeded is held against its user")
	}
}

func TestFailuresAreForgotten(t *testing.T) {
	d := NewDelays()
	at := here
	for range 10 * delaysSweep {
		at = at.Next()
		d.End(at, "ann", false, 0)
	}
	if n := len(d.failures); n != 20*delaysSweep {
		t.Fatalf("%d are remembered", n)
	}
	for range 30 * delaysSweep {
		at = at.Next()
		d.End(at, "ann", false, time.Hour)
	}
	if n := len(d.failures); n > 61*delaysSweep {
		t.Errorf("%d are remembered", n)
	}
}
