package reactor

import (
	"fmt"
	"testing"

	"ferry/codec"
)

// inState returns a machine in a state that sessions rest in.
func inState(s codec.State) machine {
	m := newMachine(faceBase)
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

func react(m *machine, in input) (r reaction) {
	defer func() {
		if recover() != nil {
			r = reaction{panic: true}
		}
	}()
	m.step(in, &r.out)
	r.to = m.exchange.State()
	return r
}

var (
	get    = input{kind: inCommand, verb: codec.VerbGet}
	quit   = input{kind: inCommand, verb: codec.VerbQuit}
	cannot = reaction{panic: true}
)

func ends(why endReason) reaction { return reaction{to: codec.Over, out: output{end: why}} }

// The whole of what every input does in every state.
func TestSessionMachineIsPinned(t *testing.T) {
	asks := reaction{to: codec.Asked, out: output{ask: true}}
	parts := reaction{to: codec.Over, out: output{part: true, end: endQuit}}
	tells := reaction{to: codec.Offered, out: output{tell: true}}
	moves := reaction{to: codec.Moving}
	resumes := reaction{to: codec.Idle, out: output{resume: true}}
	stays := func(s codec.State) reaction { return reaction{to: s} }
	states := []codec.State{codec.Idle, codec.Asked, codec.Offered, codec.Moving}
	table := []struct {
		in   input
		want [4]reaction // in the order of states
	}{
		{get, [4]reaction{asks, cannot, cannot, cannot}},
		{quit, [4]reaction{parts, cannot, cannot, cannot}},
		{input{kind: inPort}, [4]reaction{cannot, tells, cannot, cannot}},
		{input{kind: inConnect}, [4]reaction{cannot, cannot, moves, cannot}},
		{input{kind: inExpire}, [4]reaction{cannot, cannot, resumes, cannot}},
		{input{kind: inDone}, [4]reaction{cannot, cannot, cannot, resumes}},
		{input{kind: inDrain}, [4]reaction{ends(endDrained), ends(endDrained),
			stays(codec.Offered), stays(codec.Moving)}},
		{input{kind: inViolation}, all(ends(endViolation))},
		{input{kind: inFlood}, all(ends(endFlood))},
		{input{kind: inIdle}, all(ends(endIdle))},
		{input{kind: inAbort}, all(ends(endDrained))},
		{input{kind: inEnd}, all(ends(endClosed))},
		{input{}, all(cannot)},
		{input{kind: inEnd + 1}, all(cannot)},
	}
	for _, row := range table {
		for i, s := range states {
			m := inState(s)
			got := react(&m, row.in)
			if got != row.want[i] {
				t.Errorf("input %d in %v: got %+v, want %+v", row.in.kind, s, got, row.want[i])
			}
			if !got.panic && got.to == codec.Over && m.reason != got.out.end {
				t.Errorf("input %d in %v: the reason is %q", row.in.kind, s, m.reason)
			}
			// After the end nothing is asked for any more, whatever happens.
			m = inState(codec.Over)
			if got := react(&m, row.in); got != stays(codec.Over) {
				t.Errorf("input %d after the end: %+v", row.in.kind, got)
			}
		}
	}
}

func all(r reaction) [4]reaction { return [4]reaction{r, r, r, r} }

func TestDrainingSessionEndsWithItsTransfer(t *testing.T) {
	for _, c := range []struct {
		state codec.State
		in    inputKind
	}{{codec.Moving, inDone}, {codec.Offered, inExpire}} {
		m := inState(c.state)
		react(&m, input{kind: inDrain})
		if got := react(&m, input{kind: c.in}); got != ends(endDrained) {
			t.Errorf("%v: got %+v", c.state, got)
		}
	}
}

// Three offers in a row: one that is taken starts the count anew.
func TestThreeUntakenOffersEndSession(t *testing.T) {
	for taken := range 4 {
		t.Run(fmt.Sprintf("after %d", taken), func(t *testing.T) {
			m := newMachine(faceBase)
			for i := range 10 {
				react(&m, get)
				react(&m, input{kind: inPort})
				if i == taken {
					react(&m, input{kind: inConnect})
					react(&m, input{kind: inDone})
					continue
				}
				before := i
				if i > taken {
					before = i - taken - 1
				}
				r := react(&m, input{kind: inExpire})
				if over := r == ends(endUntaken); over != (before == untakenMax-1) {
					t.Fatalf("offer %d of 10: %+v", i, r)
				} else if over {
					return
				}
			}
		})
	}
}

func TestOnlyAnIdleSessionIsNotBusy(t *testing.T) {
	for _, s := range []codec.State{codec.Idle, codec.Asked, codec.Offered, codec.Moving} {
		if m := inState(s); m.busy() != (s != codec.Idle) {
			t.Errorf("%v: busy is %v", s, m.busy())
		}
	}
}
