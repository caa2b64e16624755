package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Result is what a run measured, and the content of a result file. At each load every target has
// its turns, and the turns of all targets alternate:
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

// Step is one load: a number of clients in a closed loop, or starts a second in an open one.
type Step struct {
	Clients int     `json:"clients"`        // sessions that make transfers, at least 1
	Rate    float64 `json:"rate,omitempty"` // starts a second; 0 means a closed loop
	Turns   []*Turn `json:"turns"`
}

// Label is the load in a few words, unique in a Target.
func (s *Step) Label() string {
	text := plural(int64(s.Clients), "client")
	if s.Rate > 0 {
		text = showDigits(s.Rate) + "/s, " + text
	}
	return text
}

// turns are those of all targets and loads.
func (r *Result) turns() (all []*Turn) {
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			all = append(all, step.Turns...)
		}
	}
	return all
}

// Errors is the number of errors of all targets and loads.
func (r *Result) Errors() int64 {
	var n int64
	for _, turn := range r.turns() {
		n += turn.ErrorCount()
	}
	return n
}

// Measured says whether there was a turn.
func (r *Result) Measured() bool { return len(r.turns()) > 0 }

// Err is nil if something was measured and everything succeeded.
func (r *Result) Err() error {
	if n := r.Errors(); n > 0 {
		return errors.New(plural(n, "error"))
	}
	if !slices.ContainsFunc(r.turns(), func(t *Turn) bool { return t.jobs().Count > 0 }) {
		return errors.New("no transfer was made")
	}
	return nil
}

// resultFile is a result file. Version rises when something in it changes its meaning.
type resultFile struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Result
}

const (
	resultFormat  = "ferrybench result"
	resultVersion = 1
)

// WriteResult writes a result file.
func WriteResult(w io.Writer, r *Result) error {
	out := json.NewEncoder(w)
	out.SetIndent("", " ")
	return out.Encode(resultFile{resultFormat, resultVersion, *r})
}

// SaveResult writes a result file.
func SaveResult(name string, r *Result) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(WriteResult(file, r), file.Close())
}

// LoadResult reads a result file.
func LoadResult(name string) (*Result, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var file resultFile
	err = json.Unmarshal(text, &file)
	switch {
	case file.Format != resultFormat:
		return nil, fmt.Errorf("%s: not a result file", name)
	case file.Version != resultVersion:
		return nil, fmt.Errorf("%s: a result file of version %d; this program reads version %d",
			name, file.Version, resultVersion)
	case err == nil:
		err = file.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: a damaged result file: %w", name, err)
	}
	return &file.Result, nil
}

var errIncomplete = errors.New("a part is missing")

// validate holds that everything that the figures need is there.
func (r *Result) validate() error {
	for _, target := range r.Targets {
		if target == nil || slices.Contains(target.Steps, nil) {
			return errIncomplete
		}
	}
	for _, turn := range r.turns() {
		if turn == nil || !(turn.Seconds > 0) {
			return errIncomplete
		}
		for _, tally := range turn.Kinds {
			if tally == nil || tally.Latency == nil || tally.Latency.Histogram == nil {
				return errIncomplete
			}
		}
		if turn.Lag != nil && turn.Lag.Histogram == nil {
			return errIncomplete
		}
	}
	return nil
}
