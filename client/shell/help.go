package shell

import (
	"context"
	"fmt"
	"strings"

	"ferry/client"
)

// Help is a command as a manual shows it.
type Help struct {
	// Line is how it is typed, Says what it does, More what else is to know.
	Line, Says, More string
	// Also are its other names, Options lines about each option, Examples lines to type.
	Also, Options, Examples []string
}

// Helps describes every command, in the order of the table.
func Helps() []Help {
	var list []Help
	for _, v := range verbs() {
		h := Help{
			Line: v.line(), Says: v.says, More: v.more, Also: v.words[1:], Examples: v.examples,
		}
		for _, o := range v.options {
			name := "--" + o.name
			if o.letter != 0 {
				name = "-" + string(o.letter) + ", " + name
			}
			if o.value != "" {
				name += " " + o.value
			}
			h.Options = append(h.Options, fmt.Sprintf("%-17s %s", name, o.says))
		}
		list = append(list, h)
	}
	return list
}

// Help shows what the program's own help shows, and returns its status.
func (s *Shell) Help(words []string) int {
	s.screen.begin(s.Out, s.Err, nil)
	var follows typed
	for _, w := range words {
		follows.add(w, true)
	}
	c, err := s.find("help", &follows)
	if err != nil {
		s.complain(err)
		return s.status(err)
	}
	return s.one(context.Background(), c)
}

func runHelp(_ context.Context, s *Shell, c *command) error {
	var b strings.Builder
	table := verbs()
	for i, h := range Helps() {
		also := ""
		if len(h.Also) > 0 {
			also = " (also: " + strings.Join(h.Also, ", ") + ")"
		}
		if table[i].base && s.Options.Exchange == client.Classic {
			also += " (" + client.ErrUnsupported.Error() + ")"
		}
		switch {
		case len(c.words) == 0:
			name := strings.TrimSpace(table[i].words[0] + " " + table[i].usage)
			fmt.Fprintf(&b, "%-24s %s%s\n", name, h.Says, also)
		case look(strings.ToLower(c.words[0])) == nil:
			return &usageError{fmt.Errorf("%s: %w", c.words[0], errNoHelp)}
		case look(strings.ToLower(c.words[0])).words[0] == table[i].words[0]:
			fmt.Fprintf(&b, "%s\n    %s%s\n", h.Line, h.Says, also)
			h.write(&b)
		}
	}
	if len(c.words) == 0 {
		b.WriteString(firstSteps)
	}
	s.screen.out(b.String())
	return nil
}

// firstSteps are what somebody needs who sees the table for the first time.
const firstSteps = `
First: open HOST PORT, ls, get NAME or get -r FOLDER, put NAME, quit.
help get shows options and examples. Tab completes; Ctrl-C ends a transfer.
`

// write adds what there is to know beyond the first lines.
func (h *Help) write(b *strings.Builder) {
	for _, o := range h.Options {
		b.WriteString("  " + o + "\n")
	}
	if h.More != "" {
		b.WriteString(h.More + "\n")
	}
	if len(h.Examples) > 0 {
		b.WriteString("Examples:\n")
	}
	for _, e := range h.Examples {
		b.WriteString("  " + e + "\n")
	}
}
