package reactor

import (
	"testing"

	"ferry/codec"
)

// statusIn returns a machine of the status exchange in a state that sessions rest in.
func statusIn(s codec.State) machine {
	m := newMachine(faceBase)
	m.becomeStatus()
	steps := map[codec.State][]codec.Step{
		codec.Asked:    {},
		codec.Idle:     {codec.Answer},
		codec.Renaming: {codec.Pend},
		codec.Offered:  {codec.Port},
		codec.Moving:   {codec.Port, codec.Connect},
		codec.Over:     {codec.End},
	}
	for _, step := range steps[s] {
		m.exchange.Take(step)
	}
	return m
}

// The whole of what every input does in every state of the status exchange.
func TestStatusMachineIsPinned(t *testing.T) {
	command := func(v codec.Verb) input { return input{kind: inCommand, verb: v} }
	to := func(s codec.State, out output) reaction { return reaction{to: s, out: out} }
	over := func(why endReason) [5]reaction {
		r := ends(why)
		return [5]reaction{r, r, r, r, r}
	}
	nothing := to(codec.Idle, output{aborted: true})
	asks := to(codec.Asked, output{ask: true})
	disorder := to(codec.Asked, output{ask: true, disorder: true})
	bye := to(codec.Over, output{goodbye: true, end: endQuit})
	resumes := to(codec.Idle, output{resume: true})
	no := cannot
	states := []codec.State{
		codec.Idle, codec.Renaming, codec.Asked, codec.Offered, codec.Moving,
	}
	for _, row := range []struct {
		in   input
		want [5]reaction // in the order of states
	}{
		{command(codec.VerbGet), [5]reaction{asks, asks, no, no, no}},
		{command(codec.VerbUnknown), [5]reaction{asks, asks, no, no, no}},
		{command(codec.VerbHello), [5]reaction{disorder, disorder, no, no, no}},
		{command(codec.VerbRenameTo), [5]reaction{disorder, asks, no, no, no}},
		{command(codec.VerbQuit), [5]reaction{bye, bye, no, no, no}},
		{command(codec.VerbAbort), [5]reaction{nothing, nothing, no, no, no}},
		{input{kind: inAnswer}, [5]reaction{no, no, resumes, no, no}},
		{input{kind: inPend}, [5]reaction{
			no, no, to(codec.Renaming, output{resume: true}), no, no,
		}},
		{input{kind: inPort}, [5]reaction{
			no, no, to(codec.Offered, output{tell: true}), no, no,
		}},
		{input{kind: inConnect}, [5]reaction{no, no, no, to(codec.Moving, output{}), no}},
		{input{kind: inExpire}, [5]reaction{no, no, no, resumes, no}},
		{input{kind: inGiveUp}, [5]reaction{no, no, resumes, resumes, resumes}},
		{input{kind: inDone}, [5]reaction{no, no, no, no, resumes}},
		{input{kind: inDrain}, [5]reaction{
			ends(endDrained), ends(endDrained), to(codec.Asked, output{}),
			to(codec.Offered, output{}), to(codec.Moving, output{}),
		}},
		{input{kind: inViolation}, over(endViolation)},
		{input{kind: inFlood}, over(endFlood)},
		{input{kind: inIdle}, over(endIdle)},
		{input{kind: inAbort}, over(endDrained)},
		{input{kind: inEnd}, over(endClosed)},
	} {
		for i, s := range states {
			m := statusIn(s)
			if got := react(&m, row.in); got != row.want[i] {
				t.Errorf("input %d (%v) in %v: got %+v, want %+v", row.in.kind, row.in.verb, s, got,
					row.want[i])
			}
			m = statusIn(codec.Over)
			if got := react(&m, row.in); got != to(codec.Over, output{}) {
				t.Errorf("input %d after the end: %+v", row.in.kind, got)
			}
		}
	}
}

func TestOnlyAWaitingStatusSessionIsNotBusy(t *testing.T) {
	for s, busy := range map[codec.State]bool{
		codec.Idle: false, codec.Renaming: false, codec.Asked: true, codec.Offered: true,
		codec.Moving: true,
	} {
		if m := statusIn(s); m.busy() != busy {
			t.Errorf("%v: busy is %v", s, m.busy())
		}
	}
}

func TestOnlyAnIdleBaseSessionBecomesStatus(t *testing.T) {
	for _, m := range []machine{
		inState(codec.Asked), inState(codec.Over), statusIn(codec.Idle), newMachine(faceClassic),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v became status", m)
				}
			}()
			m.becomeStatus()
		}()
	}
}
