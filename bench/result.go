package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"time"
)

// Result is what a run measured, and the content of a result file. It has one or several targets,
// each at the same loads; at each load every target has its turns, and the turns of all targets
// alternate:
//
//	Result ─ Target (a server) ─ Step (a load) ─ Turn ─ Tally by kind
//
// The file is JSON, with times in seconds and latencies in microseconds. Histograms are in
// HdrHistogram's compressed base64, which other tools read too.
type Result struct {
	Command  []string  `json:"command"`
	Machine  Machine   `json:"machine"` // where the harness ran
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"` // of the whole run, with warm-up and pauses
	Scenario string    `json:"scenario"`
	// Settings are those of the scenario that decide whether two runs can be compared.
	Settings map[string]string `json:"settings,omitempty"`
	Targets  []*Target         `json:"targets"`
}

// Target is a server that was measured.
type Target struct {
	Name    string  `json:"name"`  // unique in a Result
	Proto   string  `json:"proto"` // one of Protocols
	Address string  `json:"address"`
	Steps   []*Step `json:"steps"`
}

// Step is one load: a closed loop of so many clients, or an open one of so many starts a second.
type Step struct {
	Clients int     `json:"clients"`        // sessions that make transfers, at least 1
	Rate    float64 `json:"rate,omitempty"` // starts a second; 0 means a closed loop
	Idle    int     `json:"idle,omitempty"` // further sessions that do nothing
	Turns   []*Turn `json:"turns"`
}

// Label is the load in a few words, unique in a Target.
func (s *Step) Label() string {
	text := plural(int64(s.Clients), "client")
	if s.Rate > 0 {
		text = showDigits(s.Rate) + "/s, " + text
	}
	if s.Idle > 0 {
		text += ", " + unitCount.show(float64(s.Idle)) + " idle"
	}
	return text
}

// Errors is the number of errors of all targets and loads.
func (r *Result) Errors() int64 {
	var n int64
	r.each(func(turn *Turn) { n += turn.ErrorCount() })
	return n
}

// Measured says whether there was a turn.
func (r *Result) Measured() bool {
	measured := false
	r.each(func(*Turn) { measured = true })
	return measured
}

// Err is nil if something was measured and everything succeeded.
func (r *Result) Err() error {
	var ended int64
	r.each(func(turn *Turn) {
		for _, tally := range turn.Kinds {
			ended += tally.Count
		}
	})
	switch n := r.Errors(); {
	case n > 0:
		return errors.New(plural(n, "error"))
	case ended == 0:
		return errors.New("no transfer was made")
	default:
		return nil
	}
}

func (r *Result) each(visit func(*Turn)) {
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			for _, turn := range step.Turns {
				visit(turn)
			}
		}
	}
}

const (
	// resultFormat marks a result file.
	resultFormat = "ferrybench result"
	// resultVersion rises when something in a file changes its meaning.
	resultVersion = 1
	// resultBytesMax bounds what is read: a run of hundreds of turns takes a few megabytes.
	resultBytesMax = 256 << 20
)

// resultHead is the begin of every version of the format.
type resultHead struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

type resultFile struct {
	resultHead
	Result
}

// WriteResult writes a result file. A result that cannot be read back is an error.
func WriteResult(w io.Writer, r *Result) error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	text, err := json.MarshalIndent(resultFile{
		resultHead{resultFormat, resultVersion}, *r,
	}, "", " ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// SaveResult writes a result file.
func SaveResult(name string, r *Result) error {
	var b bytes.Buffer
	if err := WriteResult(&b, r); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o666)
}

// CanSave says whether SaveResult could write the file, before a long run.
func CanSave(name string) error {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil // a pipe's reader may come later
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return file.Close()
}

// LoadResult reads a result file.
func LoadResult(name string) (*Result, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	r, err := ReadResult(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// ReadResult reads the content of a result file.
func ReadResult(from io.Reader) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(from, resultBytesMax+1))
	if err != nil {
		return nil, err
	}
	var head resultHead // first, since another version may differ in everything else
	err = json.Unmarshal(text, &head)
	switch {
	case len(text) > resultBytesMax:
		return nil, fmt.Errorf("not a result file: more than %d MiB", resultBytesMax>>20)
	case err != nil:
		return nil, fmt.Errorf("not a result file: %w", err)
	case head.Format != resultFormat:
		return nil, fmt.Errorf("not a result file: its format is %q, not %q", head.Format,
			resultFormat)
	case head.Version != resultVersion:
		return nil, fmt.Errorf("a result file of version %d; this program reads version %d",
			head.Version, resultVersion)
	}
	var file resultFile
	if err = json.Unmarshal(text, &file); err == nil {
		err = file.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("a damaged result file: %w", err)
	}
	return &file.Result, nil
}

const (
	// countMax bounds counts: the sum of thousands still fits, and a float holds it exactly.
	countMax = 1 << 50
	// amountMax bounds seconds and rates, so that quotients of two of them stay finite.
	amountMax = 1e10
	// secondsMin is the shortest turn.
	secondsMin = 1e-6
)

// amount says whether a measured number is possible.
func amount(f float64) bool { return f >= 0 && f <= amountMax }

// validate returns the first fault that no run can have produced.
func (r *Result) validate() error {
	if len(r.Targets) == 0 {
		return errors.New("no target")
	}
	if err := possible("result", reflect.ValueOf(*r)); err != nil {
		return err
	}
	names := map[string]bool{"": true}
	for _, target := range r.Targets {
		if names[target.Name] {
			return fmt.Errorf("two targets, or an empty name, %q", target.Name)
		}
		names[target.Name] = true
		labels := map[string]bool{}
		for _, step := range target.Steps {
			label := target.Name + ", " + step.Label()
			if labels[label] || step.Clients < 1 {
				return fmt.Errorf("%s: twice, or an impossible load", label)
			}
			labels[label] = true
			for i, turn := range step.Turns {
				if err := turn.validate(); err != nil {
					return fmt.Errorf("%s, turn %d: %w", label, i+1, err)
				}
			}
		}
	}
	return nil
}

func (t *Turn) validate() error {
	if t.Seconds < secondsMin {
		return fmt.Errorf("%v seconds", t.Seconds)
	}
	if len(t.Samples) > 0 && t.SampleSeconds == 0 {
		return errors.New("samples of 0 seconds")
	}
	for kind, tally := range t.Kinds {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("unknown kind %q", kind)
		}
		if tally.Latency == nil || tally.Latency.Count() != tally.Count {
			return fmt.Errorf("%s: no histogram of %d times", kind, tally.Count)
		}
	}
	return nil
}

// possible returns the first number in v that cannot be measured, or a nil in a list.
func possible(where string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || !amount(f) {
			return fmt.Errorf("%s is %v", where, f)
		}
	case reflect.Int, reflect.Int64:
		if n := v.Int(); n < 0 || n > countMax {
			return fmt.Errorf("%s is %v", where, n)
		}
	case reflect.Pointer:
		if h, ok := v.Interface().(*Histogram); ok {
			if h != nil && h.packed == nil {
				return fmt.Errorf("%s is empty", where)
			}
		} else if !v.IsNil() {
			return possible(where, v.Elem())
		}
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			return nil
		}
		for i := range v.NumField() {
			if err := possible(v.Type().Field(i).Name, v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Pointer && v.Index(i).IsNil() {
				return fmt.Errorf("%s %d is null", where, i+1)
			}
			if err := possible(where, v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if one := v.MapIndex(key); one.Kind() == reflect.Pointer && one.IsNil() {
				return fmt.Errorf("%s %v is null", where, key)
			} else if err := possible(where, one); err != nil {
				return err
			}
		}
	default:
	}
	return nil
}
