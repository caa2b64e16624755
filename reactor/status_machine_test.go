package reactor

import "testing"

// statusIn returns a machine of the status exchange in a state that sessions rest in.
func statusIn(s sessionState) machine {
	m := newMachine(&statusProperties)
	m.state = s
	return m
}

// The whole of what every input does in every state of the status exchange.
func TestStatusMachineIsPinned(t *testing.T) {
	to := func(s sessionState, out output) reaction { return reaction{to: s, out: out} }
	over := func(why endReason) [5]reaction {
		r := ends(why)
		return [5]reaction{r, r, r, r, r}
	}
	asks := to(sessionAsked, output{})
	resumes := to(sessionIdle, output{resume: true})
	no := cannot
	states := []sessionState{
		sessionIdle, sessionRenaming, sessionAsked, sessionOffered, sessionMoving,
	}
	for _, row := range []struct {
		in   inputKind
		want [5]reaction // in the order of states
	}{
		{inAsk, [5]reaction{asks, asks, no, no, no}},
		{inFollow, [5]reaction{no, asks, no, no, no}},
		{inQuit, [5]reaction{ends(endQuit), ends(endQuit), no, no, no}},
		{inAnswer, [5]reaction{no, no, resumes, no, no}},
		{inPend, [5]reaction{no, no, to(sessionRenaming, output{resume: true}), no, no}},
		{inPort, [5]reaction{no, no, to(sessionOffered, output{tell: true}), no, no}},
		{inConnect, [5]reaction{no, no, no, to(sessionMoving, output{}), no}},
		{inExpire, [5]reaction{no, no, no, resumes, no}},
		{inGiveUp, [5]reaction{no, no, no, resumes, no}},
		{inDone, [5]reaction{no, no, no, no, resumes}},
		{inDrain, [5]reaction{
			ends(endDrained), ends(endDrained), to(sessionAsked, output{}),
			to(sessionOffered, output{}), to(sessionMoving, output{}),
		}},
		{inViolation, over(endViolation)},
		{inFlood, over(endFlood)},
		{inIdle, over(endIdle)},
		{inAbort, over(endDrained)},
		{inEnd, over(endClosed)},
	} {
		for i, s := range states {
			m := statusIn(s)
			if got := react(&m, row.in); got != row.want[i] {
				t.Errorf("input %d in %v: got %+v, want %+v", row.in, s, got, row.want[i])
			}
			m = statusIn(sessionOver)
			if got := react(&m, row.in); got != to(sessionOver, output{}) {
				t.Errorf("input %d after the end: %+v", row.in, got)
			}
		}
	}
}

func TestOnlyWaitingStatusSessionAwaitsCommand(t *testing.T) {
	for s, awaits := range map[sessionState]bool{
		sessionIdle: true, sessionRenaming: true, sessionAsked: false, sessionOffered: false,
		sessionMoving: false,
	} {
		if m := statusIn(s); m.awaitsCommand() != awaits {
			t.Errorf("%v: awaitsCommand is %v", s, m.awaitsCommand())
		}
	}
}
