package shell

import (
	"context"
	"fmt"
	"strings"

	"ferry/client"
)

// Help describes a command.
type Help struct {
	// Line is how it is typed, Says what it does and what else it is called, Text everything else.
	Line, Says, Text string
}

// Helps describes every command, in the order of the table.
func Helps() (list []Help) {
	for _, v := range verbs() {
		list = append(list, v.help())
	}
	return list
}

func (v *verb) help() Help {
	h := Help{Line: v.line(), Says: v.says}
	if also := v.words[1:]; len(also) > 0 {
		h.Says += " (also: " + strings.Join(also, ", ") + ")"
	}
	for _, o := range v.options {
		name := "--" + o.name
		if o.letter != "" {
			name = "-" + o.letter + ", " + name
		}
		h.Text += fmt.Sprintf("  %-17s %s\n", strings.TrimSpace(name+" "+o.value), o.says)
	}
	if v.more != "" {
		h.Text += v.more + "\n"
	}
	if len(v.examples) > 0 {
		h.Text += "Examples:\n  " + strings.Join(v.examples, "\n  ") + "\n"
	}
	return h
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
	text := ""
	shown := verbs()
	if len(c.words) > 0 {
		v := findVerb(strings.ToLower(c.words[0]))
		if v == nil {
			return &usageError{fmt.Errorf("%s: %w", c.words[0], errNoHelp)}
		}
		shown = []verb{*v}
	}
	for _, v := range shown {
		h := v.help()
		if v.base && s.Options.Exchange == client.Classic {
			h.Says += " (" + client.ErrUnsupported.Error() + ")"
		}
		if len(c.words) > 0 {
			text = h.Line + "\n    " + h.Says + "\n" + h.Text
		} else {
			text += fmt.Sprintf("%-24s %s\n", strings.TrimSpace(v.words[0]+" "+v.usage), h.Says)
		}
	}
	if len(c.words) == 0 {
		text += firstSteps
	}
	s.screen.out(text)
	return nil
}

// firstSteps is for somebody who sees the table for the first time.
const firstSteps = `
First: open HOST PORT, ls, get NAME or get -r FOLDER, put NAME, quit.
help get shows options and examples. Tab completes; Ctrl-C ends a transfer.
`
