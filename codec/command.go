package codec

import (
	"bytes"
	"fmt"
)

// Verb is the first word of a command.
type Verb uint8

// The verbs. Base knows get, put, ls and quit; the status exchange knows all.
const (
	// VerbUnknown stands for every word that is not a verb.
	VerbUnknown Verb = iota
	VerbGet
	VerbPut
	VerbList
	VerbQuit
	VerbHello
	VerbGetPart
	VerbNewPart
	VerbPutPart
	VerbPartSize
	VerbPartSum
	VerbDropPart
	VerbSum
	VerbSumPart
	VerbStat
	VerbMkdir
	VerbRmdir
	VerbRemove
	VerbRenameFrom
	VerbRenameTo
	VerbCd
	VerbPwd
	VerbNoop
	VerbAbort
	VerbAuth
	verbCount

	verbBaseLast = VerbQuit
)

// verbWords are the words of the verbs as they are sent.
var verbWords = [verbCount]string{
	VerbGet:        "get",
	VerbPut:        "put",
	VerbList:       "ls",
	VerbQuit:       "quit",
	VerbHello:      "hello",
	VerbGetPart:    "getpart",
	VerbNewPart:    "newpart",
	VerbPutPart:    "putpart",
	VerbPartSize:   "partsize",
	VerbPartSum:    "partsum",
	VerbDropPart:   "droppart",
	VerbSum:        "sum",
	VerbSumPart:    "sumpart",
	VerbStat:       "stat",
	VerbMkdir:      "mkdir",
	VerbRmdir:      "rmdir",
	VerbRemove:     "rm",
	VerbRenameFrom: "rnfr",
	VerbRenameTo:   "rnto",
	VerbCd:         "cd",
	VerbPwd:        "pwd",
	VerbNoop:       "noop",
	VerbAbort:      "abor",
	VerbAuth:       "auth",
}

const verbLongest = len("partsize")

// String returns the verb's word, or "unknown".
func (v Verb) String() string {
	if v == VerbUnknown || v >= verbCount {
		return "unknown"
	}
	return verbWords[v]
}

// verbOf finds the verb for a word in upper or lower case.
func verbOf(word []byte) Verb {
	if len(word) == 0 || len(word) > verbLongest {
		return VerbUnknown
	}
	var lower [verbLongest]byte
	for i, b := range word {
		if !isLetter(b) {
			return VerbUnknown
		}
		lower[i] = b | 0x20
	}
	for v := VerbGet; v < verbCount; v++ {
		if string(lower[:len(word)]) == verbWords[v] {
			return v
		}
	}
	return VerbUnknown
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// Command is a parsed command of the base or classic exchange.
type Command struct {
	Verb Verb
	// Name is the rest after the verb and one space. It shares Text's memory.
	Name []byte
	// Text is the complete command.
	Text []byte
}

// ParseCommand parses a command of the base exchange. (PROTOCOL.md, Commands.)
func ParseCommand(text []byte) Command {
	c := Command{Text: text}
	word, name, _ := bytes.Cut(text, []byte{' '})
	if v := verbOf(word); v != VerbUnknown && v <= verbBaseLast {
		c.Verb, c.Name = v, name
	}
	return c
}

// AppendCommand appends a command of the base exchange with its length. An empty name adds nothing,
// not even a space. It fails if the command is longer than CommandMax.
func AppendCommand(dst []byte, v Verb, name string) ([]byte, error) {
	word := verbWords[v]
	length := len(word)
	if name != "" {
		length += 1 + len(name)
	}
	if length == 0 || length > CommandMax {
		return dst, lengthError(length)
	}
	dst = AppendField(dst, int64(length))
	dst = append(dst, word...)
	if name != "" {
		dst = append(dst, ' ')
		dst = append(dst, name...)
	}
	return dst, nil
}

func lengthError(length int) error {
	return fmt.Errorf("command of %d bytes: the limit is %d", length, CommandMax)
}
