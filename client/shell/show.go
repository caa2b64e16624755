package shell

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ferry/client"
	"ferry/codec"
)

const timeShown = "2006-01-02 15:04"

func (s *Shell) put(text string) error {
	if err := s.screen.write(s.Out, text); err != nil {
		return failure("output", client.ErrLocal, err)
	}
	return nil
}

// paint is a listed name, safe for a terminal.
func (s *Shell) paint(name string) string {
	if !s.Terminal {
		return name
	}
	shown := codec.Printable(name)
	if s.Colour && strings.HasSuffix(name, "/") {
		return "\x1b[1;34m" + shown + "\x1b[0m"
	}
	return shown
}

// showNames prints a listing: a line a name for people, an object for scripts that want JSON.
func (s *Shell) showNames(r result, names []string) error {
	if s.JSON {
		s.object(struct {
			Command string   `json:"command"`
			Remote  string   `json:"remote,omitempty"`
			Local   string   `json:"local,omitempty"`
			Outcome string   `json:"outcome"`
			Names   []string `json:"names"`
		}{r.Command, r.Remote, r.Local, outcomeDone, append([]string{}, names...)})
		return nil
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString(s.paint(name) + "\n")
	}
	return s.put(b.String())
}

// showEntries prints a long listing of either side: in columns for people, and a remote one as the
// server has it for scripts.
func (s *Shell) showEntries(list []client.Entry, here bool) error {
	var b strings.Builder
	for _, e := range list {
		r := result{Command: "ls", Remote: e.Name, Outcome: outcomeDone}
		if here {
			r.Command, r.Local, r.Remote = "lls", e.Name, ""
		}
		r.describe(e.Info)
		size, name := humanize.Comma(e.Size), e.Name
		if e.Folder {
			size, name = "", strings.TrimSuffix(name, "/")+"/"
		}
		switch {
		case s.JSON:
			s.tell(&r)
		case !here && !s.Terminal:
			fmt.Fprintf(&b, "%s\t%d\t%s\t%s\n", r.Type, e.Size, r.Modified, e.Name)
		default:
			fmt.Fprintf(&b, "%15s  %s  %s\n", size, e.Modified.Local().Format(timeShown),
				s.paint(name))
		}
	}
	return s.put(b.String())
}

// describe adds the fields of stat and long listings.
func (r *result) describe(info client.Info) {
	r.Type, r.Bytes = "file", info.Size
	if info.Folder {
		r.Type, r.Bytes = "dir", 0
	}
	r.Modified = info.Modified.UTC().Format(time.RFC3339)
}

func bytesText(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return humanize.Comma(n) + " bytes"
}

func paceText(n int64, took time.Duration) string {
	// Below a microsecond the clock says nothing about a rate.
	seconds := max(took, time.Microsecond).Seconds()
	rate := humanize.Bytes(uint64(float64(n) / seconds))
	return fmt.Sprintf("in %.2f s (%s/s)", seconds, rate)
}
