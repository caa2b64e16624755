package client

import (
	"errors"
	"strings"
)

// typed is what stood behind a command's word.
type typed struct {
	words []string
	// rest is the whole of it as it was typed, "" when a part was quoted. A name with spaces
	// may stand there bare.
	rest string
}

// blanks separate words; a carriage return ends the lines of some systems.
const blanks = " \t\r"

var (
	errQuoteOpen  = errors.New(`a quote was opened and not closed: "a name"`)
	errQuoteStuck = errors.New(`a space must follow a closing quote; "" inside quotes is one "`)
)

// splitLine takes a typed line apart: the command's word, in small letters, and what follows it.
// Blanks separate words. A word that begins with a double quote goes to the next one and may hold
// blanks; two double quotes inside stand for one. Nothing else has a meaning of its own, so that
// the backslashes of Windows and the apostrophes of titles need no care.
func splitLine(line string) (word string, follows typed, err error) {
	line = strings.Trim(line, blanks)
	end := strings.IndexAny(line, blanks)
	if end < 0 {
		return strings.ToLower(line), typed{}, nil
	}
	follows, err = splitWords(strings.TrimLeft(line[end:], blanks))
	return strings.ToLower(line[:end]), follows, err
}

// splitWords takes apart what follows a command's word.
func splitWords(text string) (typed, error) {
	t := typed{rest: text}
	for text = strings.TrimLeft(text, blanks); text != ""; {
		word, rest, quoted, err := nextWord(text)
		if err != nil {
			return typed{}, err
		}
		if quoted {
			t.rest = ""
		}
		t.words = append(t.words, word)
		text = strings.TrimLeft(rest, blanks)
	}
	return t, nil
}

// nextWord takes the first word off a text that begins with one.
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
			return "", "", true, errQuoteOpen
		case strings.HasPrefix(after, `"`):
			b.WriteByte('"')
			text = after[1:]
		case after == "" || strings.ContainsRune(blanks, rune(after[0])):
			return b.String(), after, true, nil
		default:
			return "", "", true, errQuoteStuck
		}
	}
}
