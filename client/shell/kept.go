package shell

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ferry/client"
)

func keptVerb() verb {
	return verb{
		words: []string{"kept"}, usage: "[FOLDER]", most: 1,
		options: []option{{letter: "d", name: "delete", says: "remove it"}},
		says:    "list partial downloads in a local folder",
		more: "An interrupted get of 1 MiB or more keeps what it received in a hidden file in\n" +
			"the same folder, and get -c resumes it. After --kept-lifetime, by default 30\n" +
			"days, the next get into that folder removes it.",
		examples: []string{"kept", "kept -d Downloads"},
		takes:    []kind{localFolder}, run: runKept,
	}
}

func runKept(_ context.Context, s *Shell, c *command) error {
	list, err := client.Leftovers(s.local(c.word(0, ".")))
	if err != nil {
		return err
	}
	for _, l := range list {
		r := &result{
			Command: "kept", Local: l.Local, Remote: l.Name, Outcome: outcomeDone,
			Bytes: l.Size, Kept: l.Bytes, Modified: l.Changed.UTC().Format(time.RFC3339),
			Note: l.Path,
		}
		if c.has["delete"] {
			if err := l.Drop(); err != nil {
				return err
			}
		}
		if s.JSON {
			s.tell(r)
		} else if err := s.put(s.keptLine(&l, c.has["delete"]) + "\n"); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		s.say("no partial downloads there")
	}
	return nil
}

// keptLine is a leftover for people.
func (s *Shell) keptLine(l *client.Leftover, removed bool) string {
	var b strings.Builder
	if removed {
		b.WriteString("removed ")
	}
	if l.Local == "" {
		// Without a note it cannot be resumed.
		fmt.Fprintf(&b, "%s: %s of an unknown download", s.paint(l.Path),
			humanize.Bytes(uint64(l.Bytes)))
	} else {
		fmt.Fprintf(&b, "%s: %s of %s, of %s on %s", s.paint(l.Local),
			humanize.Bytes(uint64(l.Bytes)), humanize.Bytes(uint64(l.Size)),
			s.paint(l.Name), s.paint(l.Server))
	}
	return b.String() + ", " + l.Changed.Format(timeShown)
}
