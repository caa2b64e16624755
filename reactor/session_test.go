package reactor

import (
	"fmt"
	"testing"

	"ferry/codec"
)

// inState returns a machine in a state that sessions rest in.
func inState(s codec.State) machine {
	m := newMachine(&baseProperties)
	steps := map[codec.State][]codec.Step{
		codec.Idle:    {},
		codec.Asked:   {codec.Ask},
		codec.Offered: {codec.Ask, codec.Port},
		codec.Moving:  {codec.Ask, codec.Port, codec.Connect},
		codec.Over:    {codec.End},
	}
	for _, step := range steps[s] {
		m.exchange.Take(step)
	}
	return m
}

// reaction is what a machine does with an input: the state after it and the output, or a panic
// where the input cannot be.
type reaction struct {
	to    codec.State
	out   output
	panic bool
}

func react(m *machine, in inputKind) (r reaction) {
	defer func() {
		if recover() != nil {
			r = reaction{panic: true}
		}
	}()
	r.out = m.step(in)
	r.to = m.exchange.State()
	return r
}

var cannot = reaction{panic: true}

func ends(why endReason) reaction { return reaction{to: codec.Over, out: output{end: why}} }

// The whole of what every input does in every state.
func TestSessionMachineIsPinned(t *testing.T) {
	tells := reaction{to: codec.Offered, out: output{tell: true}}
	resumes := reaction{to: codec.Idle, out: output{resume: true}}
	stays := func(s codec.State) reaction { return reaction{to: s} }
	states := []codec.State{codec.Idle, codec.Asked, codec.Offered, codec.Moving}
	table := []struct {
		in   inputKind
		want [4]reaction // in the order of states
	}{
		{inAsk, [4]reaction{stays(codec.Asked), cannot, cannot, cannot}},
		{inFollow, all(cannot)},
		{inQuit, [4]reaction{ends(endQuit), ends(endQuit), ends(endQuit), cannot}},
		{inPort, [4]reaction{cannot, tells, cannot, cannot}},
		{inConnect, [4]reaction{cannot, cannot, stays(codec.Moving), cannot}},
		{inExpire, [4]reaction{cannot, cannot, resumes, cannot}},
		{inDone, [4]reaction{cannot, cannot, cannot, resumes}},
		{inAnswer, all(cannot)},
		{inDrain, [4]reaction{
			ends(endDrained), ends(endDrained),
			stays(codec.Offered), stays(codec.Moving),
		}},
		{inViolation, all(ends(endViolation))},
		{inFlood, all(ends(endFlood))},
		{inIdle, all(ends(endIdle))},
		{inAbort, all(ends(endDrained))},
		{inEnd, all(ends(endClosed))},
		{0, all(cannot)},
		{inGiveUp + 1, all(cannot)},
	}
	for _, row := range table {
		for i, s := range states {
			m := inState(s)
			got := react(&m, row.in)
			if got != row.want[i] {
				t.Errorf("input %d in %v: got %+v, want %+v", row.in, s, got, row.want[i])
			}
			if !got.panic && got.to == codec.Over && m.reason != got.out.end {
				t.Errorf("input %d in %v: the reason is %q", row.in, s, m.reason)
			}
			// After the end nothing is asked for any more, whatever happens.
			m = inState(codec.Over)
			if got := react(&m, row.in); got != stays(codec.Over) {
				t.Errorf("input %d after the end: %+v", row.in, got)
			}
		}
	}
}

func all(r reaction) [4]reaction { return [4]reaction{r, r, r, r} }

// A session of the classic exchange does not wait for its transfer, and ends with its first unused
// offer.
func TestClassicSessionMachine(t *testing.T) {
	offered := func() machine {
		m := newMachine(&classicProperties)
		m.step(inAsk)
		m.step(inPort)
		return m
	}
	m := offered()
	if got := react(&m, inConnect); got != (reaction{codec.Idle, output{resume: true}, false}) {
		t.Errorf("connected: %+v", got)
	}
	m = offered()
	if got := react(&m, inExpire); got != ends(endUntaken1) {
		t.Errorf("expired: %+v", got)
	}
}

func TestDrainingSessionEndsWithItsTransfer(t *testing.T) {
	for _, c := range []struct {
		state codec.State
		in    inputKind
	}{{codec.Moving, inDone}, {codec.Offered, inExpire}} {
		m := inState(c.state)
		react(&m, inDrain)
		if got := react(&m, c.in); got != ends(endDrained) {
			t.Errorf("%v: got %+v", c.state, got)
		}
	}
}

// Three offers in a row: one that is used starts the count anew.
func TestSessionEndsAfterThreeUnusedOffers(t *testing.T) {
	for used := range 4 {
		t.Run(fmt.Sprintf("after %d", used), func(t *testing.T) {
			m := newMachine(&baseProperties)
			for i := range 10 {
				react(&m, inAsk)
				react(&m, inPort)
				if i == used {
					react(&m, inConnect)
					react(&m, inDone)
					continue
				}
				before := i
				if i > used {
					before = i - used - 1
				}
				r := react(&m, inExpire)
				if over := r == ends(endUntaken); over != (before == 2) {
					t.Fatalf("offer %d of 10: %+v", i, r)
				} else if over {
					return
				}
			}
		})
	}
}

func TestOnlyIdleSessionAwaitsCommand(t *testing.T) {
	for _, s := range []codec.State{codec.Idle, codec.Asked, codec.Offered, codec.Moving} {
		if m := inState(s); m.awaitsCommand() != (s == codec.Idle) {
			t.Errorf("%v: awaitsCommand is %v", s, m.awaitsCommand())
		}
	}
}
