package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// Result is what a run showed, and the content of a result file. A run measures one target or
// several, each at the same steps; at each step every target has its turns, and the turns of all
// targets alternate, since a machine drifts:
//
//	Result ─ Target (a server) ─ Step (so many clients, or a rate) ─ Turn ─ Tally by kind
//
// The file is JSON. Times are in seconds and latencies in microseconds; a histogram is in
// HdrHistogram's own compressed base64, which other tools read too. WriteResult writes the file,
// ReadResult reads it.
type Result struct {
	// Command is the command line that took the figures, with its program's name first.
	Command []string `json:"command"`
	// Machine is where the harness ran.
	Machine Machine `json:"machine"`
	// Began is when the run began, warm-up included.
	Began time.Time `json:"began"`
	// Seconds is how long all of it took, warm-up and pauses included.
	Seconds float64 `json:"seconds"`
	// Scenario is what the clients did, by its name and in the words of Settings.
	Scenario string `json:"scenario"`
	// Settings are the scenario's settings that decide whether two runs can be compared, such as
	// "size" and "gets", without what a Target or Step says.
	Settings map[string]string `json:"settings,omitempty"`
	// Targets are the servers, the one under test first.
	Targets []*Target `json:"targets"`
}

// Target is a server that was measured.
type Target struct {
	// Name tells it from the others: unique in a Result, and the same in a run to compare with.
	Name string `json:"name"`
	// Proto is what it was spoken to: base, status, ftp, http or http-new.
	Proto string `json:"proto"`
	// Address is where, as HOST:PORT.
	Address string `json:"address"`
	// Steps are the loads, in the order in which they were run.
	Steps []*Step `json:"steps"`
}

// Step is one load: a closed loop of so many clients, or an open one of so many starts a second.
type Step struct {
	// Clients is the number of sessions that make transfers: 1 or more.
	Clients int `json:"clients"`
	// Rate is how many transfers were to start each second; 0 means a closed loop, in which each
	// client begins the next transfer when the one before it has ended.
	Rate float64 `json:"rate,omitempty"`
	// Idle is the number of sessions beside them that do nothing.
	Idle int `json:"idle,omitempty"`
	// Turns are the repetitions, in order.
	Turns []*Turn `json:"turns"`
}

// Label is the step's load in a few words, unique in a Target.
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

// Merged is all turns of the step in one: what would have been measured had they been one turn.
func (s *Step) Merged() *Turn {
	all := NewTurn()
	for _, turn := range s.Turns {
		all.append(turn)
	}
	return all
}

// Transfers is the number of transfers that went well, in all targets and steps.
func (r *Result) Transfers() int64 {
	var n int64
	r.each(func(_ *Target, _ *Step, turn *Turn) { n += turn.Transfers() })
	return n
}

// Errors is the number of errors of every kind, in all targets and steps.
func (r *Result) Errors() int64 {
	var n int64
	r.each(func(_ *Target, _ *Step, turn *Turn) { n += turn.ErrorCount() })
	return n
}

// Measured says whether there was a turn.
func (r *Result) Measured() bool {
	measured := false
	r.each(func(*Target, *Step, *Turn) { measured = true })
	return measured
}

// Err is nil when every transfer and connect went well, and says how many did not.
func (r *Result) Err() error {
	var ended int64
	r.each(func(_ *Target, _ *Step, turn *Turn) {
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

func (r *Result) each(visit func(*Target, *Step, *Turn)) {
	for _, target := range r.Targets {
		for _, step := range target.Steps {
			for _, turn := range step.Turns {
				visit(target, step, turn)
			}
		}
	}
}

const (
	// resultFormat marks a result file, so that other JSON is told from it.
	resultFormat = "ferrybench result"
	// resultVersion is that of the format. It rises when what stands in a file changes its
	// meaning; what is only added needs no new one.
	resultVersion = 1
	// resultBytesMax bounds what is read: a run of hundreds of turns makes a few megabytes.
	resultBytesMax = 256 << 20
)

// resultHead is what every version of the format begins with.
type resultHead struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
}

// resultFile is the file whole.
type resultFile struct {
	resultHead
	Result
}

// WriteResult writes the result's file to w. A result that could not be read back is an error, and
// nothing is written.
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

// SaveResult writes the result to the file, which appears whole or not at all. What is there and no
// plain file, such as a pipe or a terminal, is written to as it is.
func SaveResult(name string, r *Result) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(WriteResult(file, r), file.Close())
	}
	file, err := besideOf(name)
	if err != nil {
		return err
	}
	err = errors.Join(WriteResult(file, r), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// CanSave says whether SaveResult could write the file, before a run that would be lost otherwise.
func CanSave(name string) error {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder", name)
	case err == nil && !info.Mode().IsRegular():
		return nil // a pipe's reader may come later
	}
	file, err := besideOf(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// besideOf makes the file that is to take the name once it is whole. Its errors tell the name.
func besideOf(name string) (*os.File, error) {
	beside := filepath.Join(filepath.Dir(name),
		fmt.Sprintf(".%s.%08x", filepath.Base(name), rand.Uint32()))
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	var path *os.PathError
	if errors.As(err, &path) {
		return nil, fmt.Errorf("%s cannot be written: %w", name, path.Err)
	}
	return file, err
}

// LoadResult reads the file. Its errors name it.
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

// ReadResult reads one result. The error says that it is none, that another version wrote it, or
// which of its figures cannot be.
func ReadResult(from io.Reader) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(from, resultBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > resultBytesMax {
		return nil, fmt.Errorf("more than %d MiB: no result file", resultBytesMax>>20)
	}
	// The head alone first: what follows may mean something else in another version.
	var head resultHead
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("no result file: %w", err)
	}
	switch {
	case head.Format != resultFormat:
		return nil, fmt.Errorf("no result file: its format is %q, not %q",
			head.Format, resultFormat)
	case head.Version != resultVersion:
		return nil, fmt.Errorf("a result file of version %d, where this program reads version %d",
			head.Version, resultVersion)
	}
	var file resultFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("a damaged result file: %w", err)
	}
	if err := file.validate(); err != nil {
		return nil, fmt.Errorf("a damaged result file: %w", err)
	}
	return &file.Result, nil
}
