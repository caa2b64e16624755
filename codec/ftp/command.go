package ftp

import "bytes"

// Command is a line split into its verb and argument.
type Command struct {
	Verb Verb
	// Argument is what follows the verb and one space. Of a verb that takes words, spaces at the
	// end are gone. It shares the line's memory.
	Argument []byte
}

// Parse splits a line. The reply is 0 if the verb is implemented and has an argument if it needs
// one, else ReplyUnknown, ReplyMissing or ReplyArgument. The verb is set for all but ReplyUnknown.
// The verbs of TLS are not missing here: the caller knows whether it has TLS.
func Parse(line []byte) (Command, Reply) {
	// What is left of a telnet Synch whose urgent byte was lost.
	for len(line) > 0 && line[0] >= telnetSE {
		line = line[1:]
	}
	word, argument, _ := bytes.Cut(line, []byte{' '})
	c := Command{Verb: verbOf(word), Argument: argument}
	if c.Verb == VerbUnknown {
		return Command{}, ReplyUnknown
	}
	p := &verbs[c.Verb]
	if p.Argument < NameOptional {
		c.Argument = bytes.TrimRight(argument, " ")
	}
	given := len(c.Argument) > 0
	switch {
	case p.Missing:
		return c, ReplyMissing
	case given && p.Argument == ArgumentNone,
		!given && (p.Argument == ArgumentRequired || p.Argument == NameRequired):
		return c, ReplyArgument
	}
	return c, 0
}

func verbOf(word []byte) Verb {
	var upper [verbLongest]byte
	if len(word) > verbLongest {
		return VerbUnknown
	}
	for i, b := range word {
		if b >= 'a' && b <= 'z' {
			b -= 'a' - 'A'
		}
		upper[i] = b
	}
	return words[string(upper[:len(word)])]
}
