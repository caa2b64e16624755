package shell

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ferry/client"
)

// result is the outcome of a command or of one transfer: a line for people, or with --json an
// object, whose fields client/ferry/README.md describes.
type result struct {
	Command string `json:"command"`
	// Name is a bookmark's, whose place is Remote.
	Name   string `json:"name,omitempty"`
	Remote string `json:"remote,omitempty"`
	Local  string `json:"local,omitempty"`
	// Outcome is one of the words below.
	Outcome string `json:"outcome"`
	// Bytes is the size of what moved, Seconds how long that took, Rate bytes a second.
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds,omitempty"`
	Rate    float64 `json:"rate,omitempty"`
	// Kept is how many bytes were there before, or stay after an interrupted get.
	Kept int64 `json:"kept,omitempty"`
	// Segments is how many pieces came at once.
	Segments int `json:"segments,omitempty"`
	// To is the new name, of mv; the others are what stat, ls -l and sum show.
	To       string `json:"to,omitempty"`
	Type     string `json:"type,omitempty"`
	Modified string `json:"modified,omitempty"`
	Algo     string `json:"algo,omitempty"`
	Sum      string `json:"sum,omitempty"`
	// Note says what is unknown; Error and Kind what failed.
	Note  string `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
	Kind  string `json:"kind,omitempty"`

	// Scripts do not see the rest. as is how the person named the other side, "" if nobody did.
	as  string
	err error
	// keeps means that an interrupted transfer can be resumed.
	keeps bool
}

// The outcomes.
const (
	outcomeDone        = "done"
	outcomeUnconfirmed = "unconfirmed" // sent, and the server said nothing
	outcomeSame        = "same"        // nothing to do: the other side has it
	outcomePlanned     = "planned"     // --dry-run
	outcomeSkipped     = "skipped"     // neither a file nor a folder
	outcomeFailed      = "failed"
	outcomeInterrupted = "interrupted"
)

// kindWords are the kinds of failure as JSON has them.
var kindWords = []struct {
	kind error
	word string
}{
	{client.ErrUntrusted, "untrusted"},
	{client.ErrLogin, "login"},
	{client.ErrConnect, "connect"},
	{client.ErrLost, "lost"},
	{client.ErrClosed, "closed"},
	{client.ErrNotFound, "not-found"},
	{client.ErrMessage, "message"},
	{client.ErrUnsupported, "unsupported"},
	{client.ErrNoFolder, "no-folder"},
	{client.ErrUnknownCommand, "unknown-command"},
	{client.ErrNoData, "no-data"},
	{client.ErrBroken, "broken"},
	{client.ErrStalled, "stalled"},
	{client.ErrProtocol, "protocol"},
	{client.ErrTooLarge, "too-large"},
	{client.ErrName, "name"},
	{client.ErrLocal, "local"},
	{client.ErrGivenUp, "given-up"},
	{client.ErrBusy, "busy"},
	{client.ErrServer, "server"},
	{client.ErrNoSpace, "no-space"},
	{client.ErrArgument, "argument"},
	{client.ErrNotAllowed, "not-allowed"},
	{client.ErrNotDone, "not-done"},
	{client.ErrMismatch, "mismatch"},
	{client.ErrNothingSent, "nothing-sent"},
	{client.ErrRefused, "refused"},
}

func (r *result) fail(err error) {
	r.err, r.Error, r.Outcome = err, errorText(err), outcomeFailed
	if errors.Is(err, client.ErrGivenUp) {
		r.Outcome = outcomeInterrupted
	}
	for _, k := range kindWords {
		if errors.Is(err, k.kind) {
			r.Kind = k.word
			return
		}
	}
	r.Kind = "other"
}

func (r *result) took(d time.Duration) {
	r.Seconds = d.Seconds()
	// Below a microsecond the clock says nothing about a rate.
	r.Rate = math.Round(float64(r.Bytes-r.Kept) / max(d, time.Microsecond).Seconds())
}

// whole marks a file that was here already.
func (r *result) whole() {
	r.Outcome, r.Kept, r.Rate = outcomeSame, 0, 0
	r.Note = bytesText(r.Bytes) + ", here already, with the same checksum; nothing fetched"
}

// tell reports a result: as an object, or a success as a line. complain reports failures.
func (s *Shell) tell(r *result) {
	if s.JSON {
		if r.err != nil {
			s.failure = r.err
		}
		s.object(r)
		return
	}
	if r.err != nil || s.Quiet {
		return
	}
	if text := r.text(); text != "" {
		s.say("%s", text)
	}
}

// object prints a value as a line of JSON. Bytes of names that are no UTF-8 become U+FFFD.
func (s *Shell) object(v any) {
	if line, err := json.Marshal(v); err == nil {
		s.screen.out(string(line) + "\n")
	}
}

func (r *result) text() string {
	name, as := r.Remote, ""
	if r.as != "" {
		as = " as " + r.as
	}
	pace := ""
	if r.Outcome == outcomeDone && r.Note == "" {
		pace = " " + paceText(r.Bytes-r.Kept, time.Duration(r.Seconds*float64(time.Second)))
	}
	if r.Segments > 0 {
		pace = " by " + countText(r.Segments, "segment") + pace
	}
	if r.Kept > 0 {
		pace = " (" + humanize.Comma(r.Kept) + " were there)" + pace
	}
	switch r.Outcome {
	case outcomePlanned:
		return strings.TrimSpace("would " + r.Command + " " + r.plan())
	case outcomeSkipped:
		return "skipped " + r.shown() + ": " + r.Note
	case outcomeSame:
		return r.shown() + ": " + r.Note
	case outcomeUnconfirmed:
		return "sent " + name + ": " + bytesText(r.Bytes) + ", not confirmed"
	}
	switch r.Command {
	case "get":
		note := r.Note
		if note != "" {
			note = ": " + note
		}
		return "got " + name + as + ": " + bytesText(r.Bytes) + note + pace
	case "put":
		return "stored " + name + ": " + bytesText(r.Bytes) + pace
	case "rm", "rmdir":
		return "removed " + r.shown()
	case "mkdir":
		return "made " + r.shown()
	case "mv":
		return "renamed " + name + as
	}
	return ""
}

func (r *result) removes() bool { return r.Command == "rm" || r.Command == "rmdir" }

// shown is the name that a result is about.
func (r *result) shown() string {
	if r.Remote != "" {
		return r.Remote
	}
	return r.Local
}

func (r *result) plan() string {
	switch {
	case r.Command == "get" && r.Local != "":
		return r.Remote + " as " + r.Local
	case r.Command == "put":
		return r.Local + " as " + r.Remote
	}
	return r.shown()
}
