package bench

import (
	"errors"
	"fmt"
	"slices"
)

// countMax is the largest count that a result may hold: the sum of thousands of them still fits,
// and a float holds it exactly.
const countMax = 1 << 50

const (
	// amountMax bounds seconds and rates: three hundred years, in seconds, and figures that are
	// made of two of them are still numbers.
	amountMax = 1e10
	// secondsMin is the shortest turn: what is shorter is no measurement.
	secondsMin = 1e-6
)

// amount says that a figure is a number that can be measured.
func amount(f float64) bool { return f >= 0 && f <= amountMax }

// validate gives the first figure that no run can have shown, and says where it stands.
func (r *Result) validate() error {
	if len(r.Targets) == 0 {
		return errors.New("no target")
	}
	if !amount(r.Seconds) {
		return fmt.Errorf("a run of %v seconds", r.Seconds)
	}
	names := map[string]bool{}
	for _, target := range r.Targets {
		if target == nil || target.Name == "" {
			return errors.New("a target without a name")
		}
		if names[target.Name] {
			return fmt.Errorf("two targets named %q", target.Name)
		}
		names[target.Name] = true
		if err := target.validate(); err != nil {
			return fmt.Errorf("target %q, %w", target.Name, err)
		}
	}
	return nil
}

func (t *Target) validate() error {
	labels := map[string]bool{}
	for _, step := range t.Steps {
		if step == nil {
			return errors.New("a step that is null")
		}
		label := step.Label()
		if step.Clients < 1 || step.Idle < 0 || !amount(step.Rate) {
			return fmt.Errorf("step %s: a load that cannot be", label)
		}
		if labels[label] {
			return fmt.Errorf("two steps of %s", label)
		}
		labels[label] = true
		for i, turn := range step.Turns {
			if turn == nil {
				return fmt.Errorf("step %s, turn %d is null", label, i+1)
			}
			if err := turn.validate(); err != nil {
				return fmt.Errorf("step %s, turn %d: %w", label, i+1, err)
			}
		}
	}
	return nil
}

func (t *Turn) validate() error {
	if !amount(t.Seconds) || t.Seconds < secondsMin {
		return fmt.Errorf("%v seconds", t.Seconds)
	}
	if !amount(t.Wall) {
		return fmt.Errorf("%v seconds until its last transfer", t.Wall)
	}
	if !amount(t.Busy) {
		return fmt.Errorf("busy for a share of %v", t.Busy)
	}
	for kind, tally := range t.Kinds {
		if !slices.Contains(Kinds(), kind) {
			return fmt.Errorf("unknown kind %q", kind)
		}
		if err := tally.validate(); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	if err := countable(t.Unconfirmed, t.Missed); err != nil {
		return err
	}
	if !amount(t.AllCPU) {
		return fmt.Errorf("%v seconds of all programs' processor time", t.AllCPU)
	}
	if err := t.Lag.validate(); err != nil {
		return fmt.Errorf("lag: %w", err)
	}
	for _, f := range t.Errors {
		if err := countable(f.Count); err != nil || f.Kind == "" {
			return errors.Join(fmt.Errorf("errors of kind %q", f.Kind), err)
		}
	}
	return t.validateUsage()
}

func (t *Turn) validateUsage() error {
	usages := []*Usage{t.Own, t.Server}
	for _, s := range t.Samples {
		if err := countable(s.Transfers, s.Bytes, s.Errors); err != nil {
			return err
		}
		usages = append(usages, s.Server)
	}
	if !amount(t.SampleSeconds) || len(t.Samples) > 0 && t.SampleSeconds == 0 {
		return fmt.Errorf("samples of %v seconds", t.SampleSeconds)
	}
	for _, u := range usages {
		if u == nil {
			continue
		}
		if !amount(u.CPU) {
			return fmt.Errorf("%v seconds of processor time", u.CPU)
		}
		if err := countable(u.PSS, u.Descriptors, u.Threads); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tally) validate() error {
	if t == nil || t.Latency == nil {
		return errors.New("no histogram")
	}
	if err := countable(t.Count, t.Bytes); err != nil {
		return err
	}
	if err := t.Latency.validate(); err != nil {
		return err
	}
	if n := t.Latency.Count(); n != t.Count {
		return fmt.Errorf("a histogram of %d for a count of %d", n, t.Count)
	}
	return nil
}

func (h *Histogram) validate() error {
	if h == nil {
		return nil
	}
	if h.packed == nil {
		return errors.New("an empty histogram's text")
	}
	return countable(h.Count())
}

func countable(counts ...int64) error {
	for _, n := range counts {
		if n < 0 || n > countMax {
			return fmt.Errorf("a count of %d", n)
		}
	}
	return nil
}
