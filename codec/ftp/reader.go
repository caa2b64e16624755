package ftp

import (
	"bytes"
	"sync"
)

// LineMax is the longest command line in bytes, without its line end and telnet codes.
const LineMax = 4096

// The telnet codes that matter on control (RFC 854).
const (
	telnetSE   = 0xf0 // The lowest code: a byte below it does not follow IAC as a command.
	telnetSB   = 0xfa
	telnetWill = 0xfb
	telnetWont = 0xfc
	telnetDo   = 0xfd
	telnetDont = 0xfe
	telnetIAC  = 0xff
)

// EventKind says what a reader found.
type EventKind uint8

const (
	// EventNone means that all input was consumed and more is needed.
	EventNone EventKind = iota
	// EventLine carries a line in Data, without its line end and telnet codes.
	EventLine
	// EventRefused is a line that holds NUL or another control character, in Data. The caller
	// answers 501.
	EventRefused
	// EventAnswer carries bytes in Answer that the caller sends: the refusal of a telnet option.
	EventAnswer
	// EventError is a line over the limit. It ends the session: every later call repeats it.
	EventError
)

// Event is one thing found in the input. Data is valid until the next call of Next.
type Event struct {
	Kind   EventKind
	Answer [3]byte
	Data   []byte
}

// Reader splits control's input into lines. It is a plain value, owned by whoever owns the
// connection, and holds a buffer only while a part of a line is there.
type Reader struct {
	// gathered holds a line that came in pieces or with telnet codes, nil otherwise.
	gathered *lineBuffer
	kept     uint16
	lineMax  uint16
	state    readerState
	// given says that the gathered line was returned; its buffer is free at the next call.
	given bool
	// refused says that the line being gathered holds a control character.
	refused bool
}

// readerState is where in the telnet protocol a reader stands.
type readerState uint8

const (
	inText readerState = iota
	afterIAC
	afterWill
	afterDo
	afterDeclined // IAC WONT or IAC DONT: an option follows that needs no answer
	inSub         // IAC SB: dropped up to IAC SE, or to the end of the line
	inSubAfterIAC
	tooLong
)

// lineBuffer has room for the longest line and its CR.
type lineBuffer [LineMax + 1]byte

var lineBuffers = sync.Pool{New: func() any { return new(lineBuffer) }}

// NewReader returns a reader that refuses lines over lineMax bytes, 0 for LineMax. It panics if
// lineMax is above that.
func NewReader(lineMax int) Reader {
	if lineMax == 0 {
		lineMax = LineMax
	}
	if lineMax < 0 || lineMax > LineMax {
		panic("ftp: line limit outside 1 to 4096")
	}
	return Reader{lineMax: uint16(lineMax)}
}

// Next finds the next event in the input and says how many bytes it consumed. The caller offers the
// bytes that were not consumed again, with whatever followed them, until it gets EventNone.
func (r *Reader) Next(in []byte) (Event, int) {
	if r.given {
		r.Release()
	}
	if r.gathered == nil && r.state == inText {
		if ev, n := r.whole(in); n > 0 {
			return ev, n
		}
	}
	for i, c := range in {
		if r.state == tooLong {
			break
		}
		if ev := r.take(c); ev.Kind != EventNone {
			return ev, i + 1
		}
	}
	if r.state == tooLong {
		r.Release()
		return Event{Kind: EventError}, 0
	}
	return Event{}, len(in)
}

// whole returns a line that the input holds as it is, without copying it. It leaves the rest to
// take: lines in pieces, with telnet codes or over the limit.
func (r *Reader) whole(in []byte) (Event, int) {
	window := in[:min(len(in), int(r.lineMax)+2)]
	end := bytes.IndexByte(window, '\n')
	if end < 0 {
		return Event{}, 0
	}
	line := bytes.TrimSuffix(in[:end], []byte{'\r'})
	if len(line) > int(r.lineMax) {
		return Event{}, 0
	}
	kind := EventLine
	for _, c := range line {
		if c == telnetIAC {
			return Event{}, 0
		}
		if isControl(c) {
			kind = EventRefused
		}
	}
	return Event{Kind: kind, Data: line}, end + 1
}

// take adds one byte and returns what it completes.
func (r *Reader) take(c byte) Event {
	switch r.state {
	case afterIAC:
		return r.code(c)
	case afterWill, afterDo:
		answer := byte(telnetDont)
		if r.state == afterDo {
			answer = telnetWont
		}
		r.state = inText
		return Event{Kind: EventAnswer, Answer: [3]byte{telnetIAC, answer, c}}
	case afterDeclined:
		r.state = inText
	case inSub, inSubAfterIAC:
		return r.sub(c)
	default:
		if c == telnetIAC {
			r.state = afterIAC
			return Event{}
		}
		return r.text(c)
	}
	return Event{}
}

// code takes the byte behind IAC. Clients that do not know telnet send a name's 0xFF single, so
// IAC before a byte that is no telnet code is a byte of the name.
func (r *Reader) code(c byte) Event {
	r.state = inText
	switch {
	case c == telnetIAC:
		return r.text(telnetIAC)
	case c == telnetWill:
		r.state = afterWill
	case c == telnetDo:
		r.state = afterDo
	case c == telnetWont, c == telnetDont:
		r.state = afterDeclined
	case c == telnetSB:
		r.state = inSub
	case c < telnetSE:
		// The line is over the limit at the first of the two bytes, or at none.
		r.text(telnetIAC)
		if r.state == inText {
			return r.text(c)
		}
	}
	return Event{}
}

// sub drops a byte of a subnegotiation. It ends with the line at the latest, so that no input can
// make the reader deaf.
func (r *Reader) sub(c byte) Event {
	switch {
	case c == '\n':
		r.state = inText
		return r.text(c)
	case r.state == inSub && c == telnetIAC:
		r.state = inSubAfterIAC
	case r.state == inSubAfterIAC && c == telnetSE:
		r.state = inText
	default:
		r.state = inSub
	}
	return Event{}
}

// text adds a byte of the line.
func (r *Reader) text(c byte) Event {
	if r.gathered == nil {
		r.gathered = lineBuffers.Get().(*lineBuffer)
	}
	kept := int(r.kept)
	returned := kept > 0 && r.gathered[kept-1] == '\r'
	if c != '\n' {
		if kept > int(r.lineMax) || kept == int(r.lineMax) && c != '\r' {
			r.state = tooLong
			return Event{}
		}
		// A CR belongs to the line end if LF follows it, and to the line otherwise.
		r.refused = r.refused || isControl(c) && c != '\r' || returned
		r.gathered[kept] = c
		r.kept++
		return Event{}
	}
	if returned {
		kept--
	}
	ev := Event{Kind: EventLine, Data: r.gathered[:kept]}
	if r.refused {
		ev.Kind = EventRefused
	}
	r.given = true
	return ev
}

// Partial says whether a part of a line is there.
func (r *Reader) Partial() bool {
	return r.gathered != nil && !r.given || r.state != inText
}

// Release returns the buffer of a line that will not be finished. The part of the line is lost.
func (r *Reader) Release() {
	if r.gathered != nil {
		lineBuffers.Put(r.gathered)
	}
	r.gathered, r.kept, r.given, r.refused = nil, 0, false, false
}

// NextLine finds the line that waiting input begins with, for a caller that looks ahead of the
// Reader: ABOR does not wait for its turn. n is how many bytes the line takes, 0 if it is not
// complete or over lineMax. The line is in the memory of in, or of scratch if it held telnet codes.
func NextLine(in, scratch []byte, lineMax int) (line []byte, n int) {
	r := NewReader(lineMax)
	defer r.Release()
	for {
		ev, used := r.Next(in[n:])
		n += used
		switch ev.Kind {
		case EventLine, EventRefused:
			if r.given {
				ev.Data = append(scratch[:0], ev.Data...)
			}
			return ev.Data, n
		case EventAnswer: // The Reader gives it in its turn.
		case EventNone, EventError:
			return nil, 0
		}
	}
}

// isControl says whether b is an ASCII control character, DEL included. Names hold none.
func isControl(b byte) bool { return b < 0x20 || b == 0x7f }
