// Package fault makes values for fsio's Options.Fault: which of a root's system calls fail, and
// how. It is for tests.
//
//	fault.Inject(fault.Nth(3, fault.OnOps(fsio.OpWrite)), syscall.ENOSPC)
//
// lets the fourth write fail for want of space. Predicates that count do so for the value that
// was made: make a new one for each run. Everything here may be used by any number of goroutines.
package fault

import (
	"slices"
	"strings"
	"sync/atomic"

	"ferry/fsio"
)

// Func is what Options.Fault is.
type Func = func(op fsio.Op, name fsio.Name) error

// Predicate chooses calls.
type Predicate func(op fsio.Op, name fsio.Name) bool

// Inject lets the calls that p chooses fail with err: a syscall.Errno, or an fsio.Short, which
// cuts reads and writes short and is no fault for any other call.
func Inject(p Predicate, err error) Func {
	return func(op fsio.Op, name fsio.Name) error {
		if p(op, name) {
			return err
		}
		return nil
	}
}

// First asks one after the other, and takes the first fault that one of them has. All are asked,
// so that those which count see every call.
func First(faults ...Func) Func {
	return func(op fsio.Op, name fsio.Name) (first error) {
		for _, f := range faults {
			if err := f(op, name); first == nil {
				first = err
			}
		}
		return first
	}
}

// Calls chooses every call but that of opening the root: what a server does while it runs.
func Calls() Predicate { return Not(OnOps(fsio.OpRoot)) }

// OnOps chooses the calls of some kinds.
func OnOps(ops ...fsio.Op) Predicate {
	return func(op fsio.Op, _ fsio.Name) bool { return slices.Contains(ops, op) }
}

// OnName chooses the calls about one name.
func OnName(name string) Predicate {
	return func(_ fsio.Op, n fsio.Name) bool { return n.String() == name }
}

// Beneath chooses the calls about a folder and about names in it.
func Beneath(folder string) Predicate {
	return func(_ fsio.Op, n fsio.Name) bool {
		return n.String() == folder || strings.HasPrefix(n.String(), folder+"/")
	}
}

// Nth chooses one call alone of those that p chooses: the one after n others.
func Nth(n int, p Predicate) Predicate {
	var calls atomic.Int64
	return func(op fsio.Op, name fsio.Name) bool {
		return p(op, name) && calls.Add(1) == int64(n)+1
	}
}

// From chooses all calls that p chooses after n others, as a disk does that has gone.
func From(n int, p Predicate) Predicate {
	var calls atomic.Int64
	return func(op fsio.Op, name fsio.Name) bool {
		return p(op, name) && calls.Add(1) > int64(n)
	}
}

// All chooses what every one of them chooses; those after the first that does not are not asked.
func All(ps ...Predicate) Predicate {
	return func(op fsio.Op, name fsio.Name) bool {
		for _, p := range ps {
			if !p(op, name) {
				return false
			}
		}
		return true
	}
}

// Any chooses what one of them chooses; all are asked.
func Any(ps ...Predicate) Predicate {
	return func(op fsio.Op, name fsio.Name) (chosen bool) {
		for _, p := range ps {
			chosen = p(op, name) || chosen
		}
		return chosen
	}
}

// Not chooses what p does not.
func Not(p Predicate) Predicate {
	return func(op fsio.Op, name fsio.Name) bool { return !p(op, name) }
}

// Noted calls note with every call that p chooses, and chooses the same.
func Noted(p Predicate, note func(op fsio.Op, name fsio.Name)) Predicate {
	return func(op fsio.Op, name fsio.Name) bool {
		if !p(op, name) {
			return false
		}
		note(op, name)
		return true
	}
}
