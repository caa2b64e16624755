package shell

import (
	"fmt"
	"slices"
	"strings"

	"ferry/client"
)

// option is an option of a command.
type option struct {
	// letter is 0 if there is only the name.
	letter byte
	name   string
	says   string
	// value is what help calls the option's value, "" if it has none.
	value string
}

// short is the shortest way to type an option.
func (o *option) short() string {
	if o.letter != 0 {
		return "-" + string(o.letter)
	}
	return "--" + o.name
}

// command is a verb with its options and words.
type command struct {
	verb  *verb
	words []string
	// bare is the words as one name, "" if a part was quoted.
	bare string
	has  map[string]bool
	// values are the values of options.
	values map[string]string
}

// word is a word of the command, or what stands for a missing one.
func (c *command) word(i int, missing string) string {
	if i < len(c.words) {
		return c.words[i]
	}
	return missing
}

// findVerb finds a verb by a word.
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
	if v.words[0] == "!" {
		return &command{verb: v, bare: follows.rest}, nil
	}
	c, from, wants, err := v.parse(follows)
	if err != nil {
		return nil, err
	}
	if wants != nil {
		return nil, fmt.Errorf("%s %s: %s is missing", v.words[0], wants.short(), wants.value)
	}
	// What follows the options may be one bare name, if nothing in it was taken for one.
	whole := from >= 0 && from+len(c.words) == len(follows.words)
	if follows.bare && whole && from < len(follows.at) {
		c.bare = strings.TrimRight(follows.rest[follows.at[from]:], blanks)
	}
	if v.bare && v.most >= 0 && len(c.words) > v.most && c.bare != "" {
		c.words = []string{c.bare}
	}
	n := len(c.words)
	if n < v.least || v.most >= 0 && n > v.most || slices.Contains(c.words, "") {
		return nil, fmt.Errorf("use: %s", v.line())
	}
	return c, nil
}

// parse separates options from words. from is where the first word is among all; wants is an option
// whose value is missing.
func (v *verb) parse(follows *typed) (c *command, from int, wants *option, err error) {
	c = &command{verb: v, has: make(map[string]bool), values: make(map[string]string)}
	ended, from := false, -1
	for i, word := range follows.words {
		switch {
		case wants != nil:
			c.values[wants.name], wants = word, nil
		case !ended && !follows.quoted[i] && word == "--":
			ended = true
		case !ended && !follows.quoted[i] && len(word) > 1 && word[0] == '-':
			if wants, err = c.set(word); err != nil {
				return c, from, nil, err
			}
		default:
			if from < 0 {
				from = i
			}
			c.words = append(c.words, word)
		}
	}
	return c, from, wants, nil
}

// set notes an option, or several letters of one word. It returns an option whose value is the next
// word.
func (c *command) set(word string) (wants *option, err error) {
	v := c.verb
	bad := fmt.Errorf("%s has no option %s; a name that begins with - stands in quotes",
		v.words[0], word)
	if name, long := strings.CutPrefix(word, "--"); long {
		name, value, given := strings.Cut(name, "=")
		i := slices.IndexFunc(v.options, func(o option) bool { return o.name == name })
		if i < 0 || given && v.options[i].value == "" {
			return nil, bad
		}
		return c.take(&v.options[i], value, given), nil
	}
	for at, letter := range []byte(word[1:]) {
		i := slices.IndexFunc(v.options, func(o option) bool { return o.letter == letter })
		if i < 0 {
			return nil, bad
		}
		rest := word[at+2:]
		if o := &v.options[i]; o.value != "" {
			return c.take(o, rest, rest != ""), nil
		}
		c.has[v.options[i].name] = true
	}
	return nil, nil
}

// take notes an option with its value. It returns the option if the value is the next word.
func (c *command) take(o *option, value string, given bool) *option {
	c.has[o.name] = true
	if o.value == "" {
		return nil
	}
	if !given {
		return o
	}
	c.values[o.name] = value
	return nil
}

// line is how the command is typed.
func (v *verb) line() string {
	text := v.words[0]
	for _, o := range v.options {
		text += " [" + strings.TrimSpace(o.short()+" "+o.value) + "]"
	}
	return strings.TrimSpace(text + " " + v.usage)
}
