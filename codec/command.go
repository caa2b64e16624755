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
	// VerbHello switches a session to the status exchange. It and all that follow are known to
	// that exchange alone.
	VerbHello
	// VerbGetPart fetches a piece of a file.
	VerbGetPart
	// VerbNewPart begins an upload that may be gone on with.
	VerbNewPart
	// VerbPutPart sends a piece of such an upload.
	VerbPutPart
	// VerbPartSize asks how much of it is kept.
	VerbPartSize
	// VerbPartSum asks for the checksum of what is kept.
	VerbPartSum
	// VerbDropPart gives it up.
	VerbDropPart
	// VerbSum asks for the checksum of a file.
	VerbSum
	// VerbSumPart asks for the checksum of a piece of a file.
	VerbSumPart
	// VerbStat asks for a file's or folder's type, size and modification time.
	VerbStat
	// VerbMkdir makes a folder.
	VerbMkdir
	// VerbRmdir removes an empty folder.
	VerbRmdir
	// VerbRemove removes a file.
	VerbRemove
	// VerbRenameFrom names what is to be renamed.
	VerbRenameFrom
	// VerbRenameTo renames it.
	VerbRenameTo
	// VerbCd changes the folder that names are relative to.
	VerbCd
	// VerbPwd asks for that folder.
	VerbPwd
	// VerbNoop does nothing.
	VerbNoop
	// VerbAbort ends what runs and what waits.
	VerbAbort
	verbCount
)

// verbWords are the words of the verbs as we send them.
var verbWords = [verbCount]string{
	VerbUnknown:    "",
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
}

// verbLongest is the length of the longest word of base, wordLongest that of any.
const (
	verbLongest = 4
	wordLongest = 8
)

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

// ParseCommand takes a command of the base exchange apart; it knows that exchange's words alone.
// (PROTOCOL, Base exchange: "A verb is letters, upper or lower
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
