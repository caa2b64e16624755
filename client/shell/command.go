package shell

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"ferry/client"
)

type option struct {
	// letter is "" if there is only the name.
	letter, name, says string
	// value is what help calls the option's value, "" if it has none.
	value string
}

// short is the shortest way to type an option.
func (o *option) short() string {
	if o.letter != "" {
		return "-" + o.letter
	}
	return "--" + o.name
}

// command is a verb with its options and words.
type command struct {
	verb  *verb
	words []string
	// has are the options that were given, values their values.
	has    map[string]bool
	values map[string]string
}

// word is a word of the command, or what stands for a missing one.
func (c *command) word(i int, missing string) string {
	if i < len(c.words) {
		return c.words[i]
	}
	return missing
}

func findVerb(word string) *verb {
	table := verbs()
	for i := range table {
		if slices.Contains(table[i].words, word) {
			return &table[i]
		}
	}
	return nil
}

// find looks up a command and parses what follows it.
func (s *Shell) find(word string, follows *typed) (*command, error) {
	v := findVerb(word)
	if v == nil {
		return nil, &usageError{fmt.Errorf("%s: unknown command; help lists the commands", word)}
	}
	c, err := v.command(follows)
	if err != nil {
		return nil, &usageError{err}
	}
	if v.base && s.Options.Exchange == client.Classic {
		return nil, &client.Error{Name: v.words[0], Kind: client.ErrUnsupported}
	}
	return c, nil
}

// command takes the options off what follows a verb, and checks the number of words.
func (v *verb) command(follows *typed) (*command, error) {
	c, err := v.parse(follows)
	var unknown *pflag.NotExistError
	switch n := len(c.words); {
	case errors.As(err, &unknown):
		return nil, fmt.Errorf("%s: %w; a name that begins with - needs quotes",
			v.words[0], err)
	case errors.Is(err, pflag.ErrHelp):
		return nil, fmt.Errorf("help %s shows its options", v.words[0])
	case err != nil:
		return nil, fmt.Errorf("%s: %w", v.words[0], err)
	case n < v.least || v.most >= 0 && n > v.most || slices.Contains(c.words, ""):
		return nil, fmt.Errorf("use: %s", v.line())
	}
	return c, nil
}

// quote begins words that pflag must not take for options, whatever follows it.
const quote = "\x00"

// parse separates options from words. After an error the command holds what precedes it.
func (v *verb) parse(follows *typed) (*command, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Usage = func() {}
	for _, o := range v.options {
		if o.value == "" {
			flags.BoolP(o.name, o.letter, false, "")
		} else {
			flags.StringP(o.name, o.letter, "", "")
		}
	}
	words := slices.Clone(follows.words)
	for i := range words {
		if follows.quoted[i] {
			words[i] = quote + words[i]
		}
	}
	err := flags.Parse(words)
	c := &command{verb: v, has: make(map[string]bool), values: make(map[string]string)}
	flags.Visit(func(f *pflag.Flag) {
		c.has[f.Name], c.values[f.Name] = true, strings.TrimPrefix(f.Value.String(), quote)
	})
	for _, word := range flags.Args() {
		c.words = append(c.words, strings.TrimPrefix(word, quote))
	}
	return c, err
}

// line is how the command is typed.
func (v *verb) line() string {
	text := v.words[0]
	for _, o := range v.options {
		text += " [" + strings.TrimSpace(o.short()+" "+o.value) + "]"
	}
	return strings.TrimSpace(text + " " + v.usage)
}
