package codec

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	reasonLineLong = "line exceeds the limit"
	reasonLineCut  = "input ended inside a line"
)

// nextLine returns a line without copying it if the input contains all of it, and collects it
// otherwise. (PROTOCOL.md, Classic lines.)
func (d *Decoder) nextLine(in []byte) (Event, int) {
	// room is how many bytes are allowed before the LF: the rest of the line, and a CR.
	room := int(d.textMax) + 1 - int(d.partialLen)
	end := bytes.IndexByte(in[:min(len(in), room+1)], '\n')
	if end < 0 && len(in) > room {
		d.offset += int64(room)
		return d.fail(d.offset, reasonLineLong), room
	}
	if end < 0 {
		d.collectLine(in)
		return Event{}, len(in)
	}
	text := in[:end]
	if d.partial != nil {
		d.collectLine(text)
		d.state = textReturned
		text = (*d.partial)[:d.partialLen]
		d.offset++
	} else {
		d.offset += int64(end) + 1
		d.state = atField
	}
	text = bytes.TrimSuffix(text, []byte{'\r'})
	if len(text) > int(d.textMax) {
		return d.fail(d.offset-2, reasonLineLong), 0
	}
	return Event{Kind: EventCommand, Data: text}, end + 1
}

func (d *Decoder) collectLine(in []byte) {
	if len(in) == 0 {
		return
	}
	if d.partial == nil {
		d.partial = commandBuffers.Get().(*textBuffer)
	}
	d.partialLen += uint16(copy((*d.partial)[d.partialLen:], in))
	d.offset += int64(len(in))
	d.state = inLine
}

// ClassicPorts are the ports of the classic exchange, as the value of a flag. What 0 means is for
// its user to say.
type ClassicPorts struct {
	// Control carries commands, Files one file a connection, Messages one message each.
	Control, Files, Messages uint16
}

// DefaultClassicPorts returns the ports that clients of the classic exchange know.
func DefaultClassicPorts() ClassicPorts { return ClassicPorts{20021, 20020, 20023} }

// String returns the ports as Set reads them.
func (p ClassicPorts) String() string {
	return fmt.Sprintf("%d,%d,%d", p.Control, p.Files, p.Messages)
}

// Set reads three port numbers with commas between them. After an error the ports are as they were.
func (p *ClassicPorts) Set(text string) error {
	var ports [3]uint16
	words := strings.Split(text, ",")
	if len(words) != len(ports) {
		return errClassicPorts
	}
	for i, word := range words {
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return errClassicPorts
		}
		ports[i] = uint16(n)
	}
	*p = ClassicPorts{ports[0], ports[1], ports[2]}
	return nil
}

// Type is the flag's value in help.
func (p ClassicPorts) Type() string { return "C,D,M" }

var errClassicPorts = errors.New("give three ports, such as 20021,20020,20023")

// The words of the classic exchange.
const (
	classicGet  = "RETR "
	classicBye  = "GOODBYE SERVER"
	classicConn = "CONN "
	portDigits  = 5
	// ClassicThanks is the reply to GOODBYE SERVER, without its line end.
	ClassicThanks = "THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED"
)

// ParseClassic parses a line of a classic client: RETR FILENAME is get, GOODBYE SERVER is quit, and
// everything else is unknown. (PROTOCOL.md, Classic commands.)
func ParseClassic(line []byte) Command {
	c := Command{Text: line}
	switch {
	case len(line) > len(classicGet) &&
		bytes.EqualFold(line[:len(classicGet)], []byte(classicGet)):
		c.Verb = VerbGet
		c.Name = line[len(classicGet):]
	case bytes.EqualFold(line, []byte(classicBye)):
		c.Verb = VerbQuit
	}
	return c
}

// AppendRetr appends the line that requests a file.
func AppendRetr(dst []byte, name string) []byte {
	dst = append(dst, classicGet...)
	dst = append(dst, name...)
	return append(dst, '\n')
}

// AppendGoodbye appends the line that ends a session.
func AppendGoodbye(dst []byte) []byte { return append(dst, classicBye+"\n"...) }

// AppendConn appends the line that makes an offer.
func AppendConn(dst []byte, port uint16) []byte {
	dst = append(dst, classicConn...)
	dst = strconv.AppendUint(dst, uint64(port), 10)
	return append(dst, '\n')
}

// ParseConn reads the line that makes an offer.
func ParseConn(line []byte) (port uint16, ok bool) {
	digits, found := bytes.CutPrefix(line, []byte(classicConn))
	n, ok := parseNumber(digits)
	if !found || !ok || len(digits) > portDigits || n == 0 || n > offerPortMax {
		return 0, false
	}
	return uint16(n), true
}

// AppendNotFound appends the message for a file that cannot be sent. now is the server's local time
// as 2006-01-02 15:04:05.
func AppendNotFound(dst []byte, now string) []byte {
	dst = append(dst, now...)
	return append(dst, ": FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n"...)
}

// AppendClassicUnknown appends the message for an unknown command.
func AppendClassicUnknown(dst []byte, now string) []byte {
	dst = append(dst, now...)
	return append(dst, ": UNKNOWN COMMAND\n"...)
}
