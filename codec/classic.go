package codec

import (
	"bytes"
	"strconv"
)

const (
	reasonLineLong = "a line longer than the limit"
	reasonLineCut  = "input ended inside a line"
)

// nextLine gives a line that lies whole in the input without copying it, and gathers one that does
// not. (PROTOCOL, Classic exchange: "Lines end in LF; CR LF is accepted; a line is at most 4,096
// bytes".)
func (d *Decoder) nextLine(in []byte) (Event, int) {
	// room is what may still come before LF: the rest of the line, and a CR.
	room := int(d.commandMax) + 1 - int(d.kept)
	end := bytes.IndexByte(in[:min(len(in), room+1)], '\n')
	if end < 0 && len(in) > room {
		d.offset += int64(room)
		return d.fail(d.offset, reasonLineLong), room
	}
	if end < 0 {
		d.gatherLine(in)
		return Event{}, len(in)
	}
	text := in[:end]
	if d.gathered != nil {
		d.gatherLine(text)
		d.place = commandGiven
		text = (*d.gathered)[:d.kept]
		d.offset++
	} else {
		d.offset += int64(end) + 1
		d.place = atField
	}
	text = bytes.TrimSuffix(text, []byte{'\r'})
	if len(text) > int(d.commandMax) {
		return d.fail(d.offset-2, reasonLineLong), 0
	}
	return Event{Kind: EventCommand, Data: text}, end + 1
}

// gatherLine keeps the beginning of a line.
func (d *Decoder) gatherLine(in []byte) {
	if len(in) == 0 {
		return
	}
	if d.gathered == nil {
		d.gathered = commandBuffers.Get().(*textBuffer)
	}
	d.kept += uint16(copy((*d.gathered)[d.kept:], in))
	d.offset += int64(len(in))
	d.place = inLine
}

// The words of the classic exchange.
const (
	classicGet  = "RETR "
	classicBye  = "GOODBYE SERVER"
	classicConn = "CONN "
	// ClassicThanks answers GOODBYE SERVER, without its line end.
	ClassicThanks = "THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED"
)

// ParseClassic takes a line that a classic client sent apart: RETR FILENAME is a get, GOODBYE
// SERVER is quit, and everything else is unknown.
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

// AppendRetr appends the line that asks for a file.
func AppendRetr(dst []byte, name string) []byte {
	dst = append(dst, classicGet...)
	dst = append(dst, name...)
	return append(dst, '\n')
}

// AppendGoodbye appends the line that ends a session.
func AppendGoodbye(dst []byte) []byte { return append(dst, classicBye+"\n"...) }

// AppendConn appends the line that tells a client where to connect.
func AppendConn(dst []byte, port uint16) []byte {
	dst = append(dst, classicConn...)
	dst = strconv.AppendUint(dst, uint64(port), 10)
	return append(dst, '\n')
}

// ParseConn reads the line that tells a client where to connect.
func ParseConn(line []byte) (port uint16, ok bool) {
	digits, found := bytes.CutPrefix(line, []byte(classicConn))
	if !found || len(digits) == 0 || len(digits) > 5 {
		return 0, false
	}
	n := 0
	for _, b := range digits {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return uint16(n), n > 0 && n <= 65535
}

// AppendNotFound appends the message about a file that is not there. now is the server's local time
// as 2006-01-02 15:04:05.
func AppendNotFound(dst []byte, now string) []byte {
	dst = append(dst, now...)
	return append(dst, ": FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n"...)
}

// AppendClassicUnknown appends the message about a line that is no command.
func AppendClassicUnknown(dst []byte, now string) []byte {
	dst = append(dst, now...)
	return append(dst, ": UNKNOWN COMMAND\n"...)
}
