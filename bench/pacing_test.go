package bench

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStartsAreEven(t *testing.T) {
	s := starts{rate: 4, stride: 1, window: time.Second}
	for i, want := range []time.Duration{0, 250, 500, 750, 1000} {
		if got := s.at(int64(i)); got != want*time.Millisecond {
			t.Errorf("start %d is due at %v, not %v ms", i, got, want)
		}
	}
}

// TestMissedCountsTheRestOfThePlan compares the count with division, at any rate and for any loop.
func TestMissedCountsTheRestOfThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stride := rapid.IntRange(1, 9).Draw(t, "stride")
		s := starts{
			rate:   rapid.Float64Range(0.001, 1e4).Draw(t, "rate"),
			first:  rapid.IntRange(0, stride-1).Draw(t, "first"),
			stride: stride,
			window: time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "window")),
			begun:  rapid.Int64Range(0, 10).Draw(t, "begun"),
		}
		planned := (s.window.Seconds()*s.rate - float64(s.first)) / float64(stride)
		want := max(0, math.Ceil(planned)-float64(s.begun))
		if got := float64(s.missed()); math.Abs(got-want) > 1 { // division may be off by rounding
			t.Errorf("%v starts were missed, not %v", got, want)
		}
	})
}

func TestLoopsKeepTheSpacingTogether(t *testing.T) {
	whole := starts{rate: 30, stride: 1}
	var together []time.Duration
	for first := range 3 {
		s := starts{rate: 30, first: first, stride: 3}
		for i := range int64(10) {
			together = append(together, s.at(i))
		}
	}
	slices.Sort(together)
	for i, at := range together {
		if at != whole.at(int64(i)) {
			t.Errorf("start %d is due at %v, not %v", i, at, whole.at(int64(i)))
		}
	}
}

// TestStarts walks through a plan as a driver does, at times that the test makes up.
func TestStarts(t *testing.T) {
	const ms = time.Millisecond
	s := starts{rate: 100, stride: 1, window: 100 * ms}
	want := func(now, freeSince, intended, lag time.Duration) {
		t.Helper()
		gotIntended, gotLag, due := s.next(now, freeSince)
		if !due || gotIntended != intended || gotLag != lag {
			t.Errorf("at %v: intended %v, lag %v, due %v; not intended %v, lag %v", now,
				gotIntended, gotLag, due, intended, lag)
		}
	}
	wantNone := func(now, wait time.Duration) {
		t.Helper()
		if got, _, due := s.next(now, 0); due {
			t.Errorf("at %v: %v, and nothing is due", now, got)
		}
		if got := s.wait(now); got != wait {
			t.Errorf("at %v the next start is %v away, not %v", now, got, wait)
		}
	}
	want(0, -5*ms, 0, 0)
	wantNone(3*ms, 7*ms)
	want(12*ms, 0, 10*ms, 2*ms) // the harness slept too long
	// A server's pause: the client is free again at 45 ms. The wait for it is no lag.
	want(45*ms, 45*ms, 20*ms, 0)
	want(46*ms, 45*ms, 30*ms, 1*ms)
	want(46*ms, 46*ms, 40*ms, 0)
	wantNone(46*ms, 4*ms)
	want(50*ms, 46*ms, 50*ms, 0)
	if got := s.missed(); got != 4 {
		t.Errorf("%d starts are still to come, not 4", got)
	}
	// No client was free until the end: those starts are missed.
	want(99*ms, 99*ms, 60*ms, 0)
	if got := s.missed(); got != 3 {
		t.Errorf("%d starts missed, not 3", got)
	}
	for range 3 {
		s.begun++
	}
	wantNone(99*ms, -1)
	if s.missed() != 0 {
		t.Error("all were begun")
	}
}

func TestParseSizes(t *testing.T) {
	for text, want := range map[string][]int64{
		"0":             {0},
		"4096":          {4096},
		"64KiB,1MB,3":   {64 << 10, 1e6, 3},
		"1GiB,1536,5MB": {1 << 30, 1536, 5e6},
	} {
		got, err := ParseSizes(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if again, err := ParseSizes(sizesText(got)); err != nil || !slices.Equal(again, got) {
			t.Errorf("%s: read back as %v, %v", sizesText(got), again, err)
		}
	}
	for _, bad := range []string{"", "x", "4 apples", "-1", "99GB", "1,,2"} {
		if got, err := ParseSizes(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}
