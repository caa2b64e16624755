package shell

import (
	"errors"
	"strings"
)

// typed is what follows a command's word.
type typed struct {
	words []string
	// quoted marks words that were quoted, and so are no options.
	quoted []bool
}

// add appends a word of a command line, which is split already.
func (t *typed) add(word string, quoted bool) {
	t.words, t.quoted = append(t.words, word), append(t.quoted, quoted)
}

// blanks separate words; some systems end lines with a carriage return.
const blanks = " \t\r"

// splitLine splits a typed line into the command's word, in lower case, and what follows it. Blanks
// separate words. A word in double quotes may hold blanks; two double quotes inside mean one.
// Nothing else is special, so that Windows' backslashes and apostrophes need no care. A line after
// "!" is for the system's shell and is not split.
func splitLine(line string) (word string, follows typed, err error) {
	line = strings.Trim(line, blanks)
	if system, ok := strings.CutPrefix(line, "!"); ok {
		return "!", wholeLine(system), nil
	}
	end := strings.IndexAny(line, blanks)
	if end < 0 {
		return strings.ToLower(line), typed{}, nil
	}
	for text := strings.TrimLeft(line[end:], blanks); text != ""; {
		name, rest, quoted, err := nextWord(text)
		if err != nil {
			return strings.ToLower(line[:end]), typed{}, err
		}
		follows.add(name, quoted)
		text = strings.TrimLeft(rest, blanks)
	}
	return strings.ToLower(line[:end]), follows, nil
}

// wholeLine is a line for the system's shell, which is one word.
func wholeLine(line string) (follows typed) {
	if line = strings.Trim(line, blanks); line != "" {
		follows.add(line, true)
	}
	return follows
}

// nextWord splits off the first word of a text that begins with one.
func nextWord(text string) (word, rest string, quoted bool, err error) {
	if text[0] != '"' {
		end := strings.IndexAny(text, blanks)
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], false, nil
	}
	var b strings.Builder
	for text = text[1:]; ; {
		before, after, closed := strings.Cut(text, `"`)
		b.WriteString(before)
		switch {
		case !closed:
			return "", "", true, errors.New(`a quote was opened and not closed: "a name"`)
		case strings.HasPrefix(after, `"`):
			b.WriteByte('"')
			text = after[1:]
		case after == "" || strings.ContainsRune(blanks, rune(after[0])):
			return b.String(), after, true, nil
		default:
			return "", "", true,
				errors.New(`a space must follow a closing quote; "" inside quotes is one "`)
		}
	}
}

// quoted is a name as it is typed: in quotes where it needs them.
func quoted(name string) string {
	if name != "" && !strings.ContainsAny(name, blanks) && !strings.ContainsAny(name[:1], `"-`) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// splitCommands splits commands at semicolons outside quotes and at line ends. A quote only opens
// at the start of a word; one that is not closed goes to the end, and is an error when its command
// is split.
func splitCommands(text string) (lines []string) {
	start, within, wordStart := 0, false, true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case within:
			if c == '"' {
				within = false
				if strings.HasPrefix(text[i+1:], `"`) {
					within = true
					i++
				}
			}
		case c == ';' || c == '\n':
			lines = append(lines, text[start:i])
			start, wordStart = i+1, true
		case c == '"' && wordStart:
			within, wordStart = true, false
		default:
			wordStart = strings.IndexByte(blanks, c) >= 0
		}
	}
	return append(lines, text[start:])
}
