package reactor

import (
	"testing"

	"ferry/codec"
)

// statusIn returns a machine of the status exchange in a state that sessions rest in.
func statusIn(s codec.State) machine {
	m := newMachine(&statusProperties)
	m.exchange = codec.NewStatus()
	steps := map[codec.State][]codec.Step{
		codec.Idle:     {},
		codec.Asked:    {codec.Ask},
		codec.Renaming: {codec.Ask, codec.Pend},
		codec.Offered:  {codec.Ask, codec.Port},
		codec.Moving:   {codec.Ask, codec.Port, codec.Connect},
		codec.Over:     {codec.End},
	}
	for _, step := range steps[s] {
		m.exchange.Take(step)
	}
	return m
}

// The whole of what every input does in every state of the status exchange.
func TestStatusMachineIsPinned(t *testing.T) {
	to := func(s codec.State, out output) reaction { return reaction{to: s, out: out} }
	over := func(why endReason) [5]reaction {
		r := ends(why)
		return [5]reaction{r, r, r, r, r}
	}
	asks := to(codec.Asked, output{})
	resumes := to(codec.Idle, output{resume: true})
	no := cannot
	states := []codec.State{
		codec.Idle, codec.Renaming, codec.Asked, codec.Offered, codec.Moving,
	}
	for _, row := range []struct {
		in   inputKind
		want [5]reaction // in the order of states
	}{
		{inAsk, [5]reaction{asks, asks, no, no, no}},
		{inFollow, [5]reaction{no, asks, no, no, no}},
		{inQuit, [5]reaction{ends(endQuit), ends(endQuit), no, no, no}},
		{inAnswer, [5]reaction{no, no, resumes, no, no}},
		{inPend, [5]reaction{no, no, to(codec.Renaming, output{resume: true}), no, no}},
		{inPort, [5]reaction{no, no, to(codec.Offered, output{tell: true}), no, no}},
		{inConnect, [5]reaction{no, no, no, to(codec.Moving, output{}), no}},
		{inExpire, [5]reaction{no, no, no, resumes, no}},
		{inGiveUp, [5]reaction{no, no, resumes, resumes, resumes}},
		{inDone, [5]reaction{no, no, no, no, resumes}},
		{inDrain, [5]reaction{
			ends(endDrained), ends(endDrained), to(codec.Asked, output{}),
			to(codec.Offered, output{}), to(codec.Moving, output{}),
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
			m = statusIn(codec.Over)
			if got := react(&m, row.in); got != to(codec.Over, output{}) {
				t.Errorf("input %d after the end: %+v", row.in, got)
			}
		}
	}
}

func TestOnlyWaitingStatusSessionAwaitsCommand(t *testing.T) {
	for s, awaits := range map[codec.State]bool{
		codec.Idle: true, codec.Renaming: true, codec.Asked: false, codec.Offered: false,
		codec.Moving: false,
	} {
		if m := statusIn(s); m.awaitsCommand() != awaits {
			t.Errorf("%v: awaitsCommand is %v", s, m.awaitsCommand())
		}
	}
}
