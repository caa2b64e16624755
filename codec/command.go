package codec

import "fmt"

// Verb is the first word of a command.
type Verb uint8

const (
	// VerbUnknown is any word, or none, that names no command.
	VerbUnknown Verb = iota
	// VerbGet fetches a file.
	VerbGet
	// VerbPut stores a file.
	VerbPut
	// VerbList lists a folder: ls.
	VerbList
	// VerbQuit ends the session.
	VerbQuit
)

// verbWords are the words of the verbs as we send them.
var verbWords = [...]string{
	VerbUnknown: "",
	VerbGet:     "get",
	VerbPut:     "put",
	VerbList:    "ls",
	VerbQuit:    "quit",
}

// verbLongest is the length of the longest word in verbWords.
const verbLongest = 4

// String is the verb's word, or "unknown".
func (v Verb) String() string {
	if v == VerbUnknown || int(v) >= len(verbWords) {
		return "unknown"
	}
	return verbWords[v]
}

// Command is a command's text taken apart.
type Command struct {
	Verb Verb
	// Name is what stands behind the verb and its one space, as it is. It shares Text's memory.
	Name []byte
	// Text is the whole command.
	Text []byte
}

// ParseCommand takes a command apart. (PROTOCOL, Base exchange: "A verb is letters, upper or lower
// case; one space; the rest of the command is the name, as it is, inner spaces included").
func ParseCommand(text []byte) Command {
	end := 0
	for end < len(text) && isLetter(text[end]) {
		end++
	}
	c := Command{Text: text}
	if end < len(text) && text[end] != ' ' {
		return c
	}
	c.Verb = verbOf(text[:end])
	if c.Verb != VerbUnknown && end < len(text) {
		c.Name = text[end+1:]
	}
	return c
}

func verbOf(word []byte) Verb {
	if len(word) > verbLongest {
		return VerbUnknown
	}
	var lower [verbLongest]byte
	for i, b := range word {
		lower[i] = b | 0x20
	}
	switch string(lower[:len(word)]) {
	case "get":
		return VerbGet
	case "put":
		return VerbPut
	case "ls":
		return VerbList
	case "quit":
		return VerbQuit
	}
	return VerbUnknown
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// AppendCommand appends field(length) and the command's text, ready for the wire. A name of no
// bytes leaves the verb alone, without a space. The error is for a command over CommandMax.
func AppendCommand(dst []byte, v Verb, name string) ([]byte, error) {
	word := verbWords[v]
	length := len(word)
	if name != "" {
		length += 1 + len(name)
	}
	if length == 0 || length > CommandMax {
		return dst, fmt.Errorf("a command of %d bytes: from 1 to %d are allowed",
			length, CommandMax)
	}
	dst = AppendField(dst, int64(length))
	dst = append(dst, word...)
	if name != "" {
		dst = append(dst, ' ')
		dst = append(dst, name...)
	}
	return dst, nil
}
