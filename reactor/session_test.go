package reactor

import (
	"fmt"
	"testing"
	"unsafe"
)

// inState returns a machine in a state that sessions rest in.
func inState(s sessionState) machine {
	m := newMachine(&baseProperties)
	m.state = s
	return m
}

// reaction is what a machine does with an input: the state after it and the output, or a panic
// where the input cannot be.
type reaction struct {
	to    sessionState
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
	r.to = m.state
	return r
}

var cannot = reaction{panic: true}

func ends(why endReason) reaction { return reaction{to: sessionOver, out: output{end: why}} }

// The whole of what every input does in every state.
func TestSessionMachineIsPinned(t *testing.T) {
	tells := reaction{to: sessionOffered, out: output{tell: true}}
	resumes := reaction{to: sessionIdle, out: output{resume: true}}
	stays := func(s sessionState) reaction { return reaction{to: s} }
	states := []sessionState{sessionIdle, sessionAsked, sessionOffered, sessionMoving}
	table := []struct {
		in   inputKind
		want [4]reaction // in the order of states
	}{
		{inAsk, [4]reaction{stays(sessionAsked), cannot, cannot, cannot}},
		{inFollow, all(cannot)},
		{inQuit, [4]reaction{ends(endQuit), ends(endQuit), ends(endQuit), cannot}},
		{inPort, [4]reaction{cannot, tells, cannot, cannot}},
		{inConnect, [4]reaction{cannot, cannot, stays(sessionMoving), cannot}},
		{inExpire, [4]reaction{cannot, cannot, resumes, cannot}},
		{inDone, [4]reaction{cannot, cannot, cannot, resumes}},
		{inAnswer, all(cannot)},
		{inDrain, [4]reaction{
			ends(endDrained), ends(endDrained),
			stays(sessionOffered), stays(sessionMoving),
		}},
		{inViolation, all(ends(endViolation))},
		{inFlood, all(ends(endFlood))},
		{inIdle, all(ends(endIdle))},
		{inAbort, all(ends(endDrained))},
		{inEnd, all(ends(endClosed))},
		{0, all(cannot)},
		{inTable, all(cannot)},
	}
	for _, row := range table {
		for i, s := range states {
			m := inState(s)
			got := react(&m, row.in)
			if got != row.want[i] {
				t.Errorf("input %d in %v: got %+v, want %+v", row.in, s, got, row.want[i])
			}
			if !got.panic && got.to == sessionOver && m.reason != got.out.end {
				t.Errorf("input %d in %v: the reason is %q", row.in, s, m.reason)
			}
			// After the end nothing is asked for any more, whatever happens.
			m = inState(sessionOver)
			if got := react(&m, row.in); got != stays(sessionOver) {
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
	if got := react(&m, inConnect); got != (reaction{sessionIdle, output{resume: true}, false}) {
		t.Errorf("connected: %+v", got)
	}
	m = offered()
	if got := react(&m, inExpire); got != ends(endUnused1) {
		t.Errorf("expired: %+v", got)
	}
}

func TestDrainingSessionEndsWithItsTransfer(t *testing.T) {
	for _, c := range []struct {
		state sessionState
		in    inputKind
	}{{sessionMoving, inDone}, {sessionOffered, inExpire}} {
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
				if over := r == ends(endUnused); over != (before == 2) {
					t.Fatalf("offer %d of 10: %+v", i, r)
				} else if over {
					return
				}
			}
		})
	}
}

func TestOnlyIdleSessionAwaitsCommand(t *testing.T) {
	for _, s := range []sessionState{sessionIdle, sessionAsked, sessionOffered, sessionMoving} {
		if m := inState(s); m.awaitsCommand() != (s == sessionIdle) {
			t.Errorf("%v: awaitsCommand is %v", s, m.awaitsCommand())
		}
	}
}

// Ten thousand idle sessions hold nothing but this, and a control connection of 32 bytes each.
// Above 288 bytes the allocator gives 320.
func TestIdleSessionStaysSmall(t *testing.T) {
	const bytesMax = 288
	if n := unsafe.Sizeof(session{}); n > bytesMax {
		t.Errorf("a session takes %d bytes, at most %d", n, bytesMax)
	}
}
