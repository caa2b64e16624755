package bench

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"
)

const (
	idleSessions   = 9000
	idleBytesMax   = 4 << 10 // of the server's own memory for each idle session
	settleEvery    = 20 * time.Millisecond
	settleTries    = 1500
	besidePairs    = 10 // pairs that a comparison needs at the least
	besideTurn     = time.Second
	besideFileName = "4k"
)

// pause lets time pass between two looks at another process, which does not announce changes.
func pause(d time.Duration) { <-time.After(d) }

// TestIdleSessionsStaySmall holds what an idle session costs: a session that idles holds its state
// and nothing else, after it has worked as before.
func TestIdleSessionsStaySmall(t *testing.T) {
	h := hold(t)
	h.write(t, besideFileName, floorFile())
	d, err := newDriver(h.Address, floorClients, floorFile())
	if err != nil {
		t.Fatal(err)
	}
	d.turn(100 * time.Millisecond)
	d.close()
	if d.lost != 0 {
		t.Fatalf("%d transfers lost: %v", d.lost, d.first)
	}
	before := h.pss(t)
	idle, err := h.connect("127.0.0.1", idleSessions)
	defer idle.close()
	if err != nil {
		t.Fatal(err)
	}
	want := h.descriptors(t)
	settle(t, "every session accepted", func() bool {
		n := h.descriptors(t)
		same := n == want && n >= idleSessions
		want = n
		return same
	})
	if n := idle.alive(); n != idleSessions {
		t.Fatalf("%d of %d sessions are there", n, idleSessions)
	}
	each := (h.pss(t) - before) / idleSessions
	t.Logf("%d idle sessions cost %d bytes each (PSS)", idleSessions, each)
	if each > idleBytesMax {
		t.Errorf("an idle session costs %d bytes, at most %d are allowed", each, idleBytesMax)
	}
}

// BenchmarkBesideIdle compares the rate of one client alone with that of the same client among
// 9,000 idle sessions, in interleaved pairs:
//
//	go test ./bench -run '^$' -bench BesideIdle -benchtime 10x
func BenchmarkBesideIdle(b *testing.B) {
	h := hold(b)
	beside(b, h, "9,000 idle sessions", func() func() {
		idle, err := h.connect("127.0.0.2", idleSessions)
		if err != nil {
			b.Fatal(err)
		}
		settle(b, "every session accepted", func() bool {
			return h.descriptors(b) >= idleSessions
		})
		return func() {
			idle.close()
			settle(b, "every session closed", func() bool {
				return h.descriptors(b) < idleSessions
			})
		}
	})
}

// beside measures one client in turns of a second, alone and with company, which begin returns the
// end of. The first of a pair is alone in every other pair.
func beside(b *testing.B, h *held, company string, begin func() (end func())) {
	h.write(b, besideFileName, floorFile())
	d, err := newDriver(h.Address, 1, floorFile())
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	d.turn(besideTurn / 4) // warm
	rate := func() float64 {
		n, took := d.turn(besideTurn)
		return float64(n) / took.Seconds()
	}
	var alone, among, ratios []float64
	for b.Loop() {
		var with float64
		without := -1.0
		if len(alone)%2 == 0 {
			without = rate()
		}
		end := begin()
		with = rate()
		end()
		if without < 0 {
			without = rate()
		}
		alone, among = append(alone, without), append(among, with)
		ratios = append(ratios, with/without)
	}
	out := bufio.NewWriter(os.Stderr)
	defer func() { _ = out.Flush() }()
	c := benchmath.AssumeNothing.Compare(sample(alone), sample(among))
	verdict := "no difference shown"
	if c.P < c.Alpha {
		verdict = "a difference"
	}
	r := median(ratios)
	_, _ = fmt.Fprintf(out, "\none client alone %.0f transfers/s, beside %s %.0f: %s (%v); "+
		"pair by pair %.3f (%.3f to %.3f)\n", median(alone).Center, company,
		median(among).Center, verdict, c, r.Center, r.Lo, r.Hi)
	b.ReportMetric(r.Center, "ratio")
	b.ReportMetric(c.P, "p")
	b.ReportMetric(0, "ns/op") // a turn's length says nothing
	if d.lost > 0 {
		b.Errorf("%d transfers lost, the first: %v", d.lost, d.first)
	}
	if len(ratios) >= besidePairs && c.P < c.Alpha && r.Center < 1 {
		b.Errorf("the client is slower beside %s", company)
	}
}
