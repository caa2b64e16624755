package codec

import "sync"

// CommandMax is the longest command in bytes. (PROTOCOL, Base exchange: "Length 1 to 4,096; more,
// or 0, is a protocol error").
const CommandMax = 4096

// Grammar is what a direction of a connection consists of.
type Grammar uint8

const (
	// Commands is field(length) and the command's text, repeated: what a server reads from
	// control.
	Commands Grammar = iota + 1
	// Fields is one field after another: what a client of the base exchange reads from control.
	Fields
	// Record is field(size), that many bytes, and nothing more: what a client reads from the
	// data connection of a get or an ls.
	Record
	// Records is field(size) and that many bytes, repeated: what a server reads from the data
	// connection of a base put. (PROTOCOL, Base exchange: "Several such records may follow one
	// another […]; together they are one file".)
	Records
	// Lines is lines of text that end in LF or CR LF: both directions of classic's control.
	Lines
	// Replies is field(length) and a reply's text, repeated: what a client of the status exchange
	// reads from control.
	Replies
	// Greeting is what a client reads that has sent hello and does not know the server yet: a
	// first field under 1,000 begins Replies, any other is a port of base and begins Fields.
	Greeting
	// KeyedRecord is a KEY, then field(size), that many bytes, and nothing more: what a server
	// reads from a data connection of the status exchange. For a command that sends nothing to
	// the server the KEY alone is whole.
	KeyedRecord
)

// EventKind says what a decoder found.
type EventKind uint8

const (
	// EventNone means that all input was consumed and more is needed.
	EventNone EventKind = iota
	// EventCommand carries a whole command's text in Data; of a line, without its end.
	EventCommand
	// EventField carries a bare field's number in N.
	EventField
	// EventSize begins a record of N bytes.
	EventSize
	// EventBytes carries a piece of the record's bytes in Data.
	EventBytes
	// EventRecordEnd follows the last byte of a record.
	EventRecordEnd
	// EventError carries a violation in Err; every later call gives it again.
	EventError
	// EventReply carries a reply's code in N and its text in Data.
	EventReply
	// EventKey carries a KEY in Data, in the digits that came; ParseKey takes it.
	EventKey
)

// Event is one thing found in the input.
type Event struct {
	Kind EventKind
	// N is the number of an EventField, the bytes announced by an EventSize, or the code of an
	// EventReply.
	N int64
	// Data is a text or a piece of a record. It refers to the input or to a buffer
	// of the decoder, and is valid until the next call of Next.
	Data []byte
	// Err is set for EventError alone.
	Err *ProtocolError
}

// Decoder takes one direction of one connection apart. It is a plain value of a few words, owned
// by whoever owns the connection; it holds a buffer only while a command is there in part.
type Decoder struct {
	// remain counts the bytes of the command or record that are still to come.
	remain int64
	offset int64
	field  fieldReader
	// gathered holds the beginning of a text that arrived in pieces, nil otherwise.
	gathered *textBuffer
	err      *ProtocolError
	// commandMax is the longest text accepted, in bytes.
	commandMax uint16
	kept       uint16
	grammar    Grammar
	place      place
}

// place is where in its grammar a decoder stands.
type place uint8

const (
	atField place = iota
	inCommand
	commandGiven // a gathered command was given out; its buffer is still held
	inRecord
	atEnd // after the one record of the grammar Record
	broken
	inLine
)

// textBuffer has room for a command, for a line with its CR, or for a reply.
type textBuffer []byte

var (
	commandBuffers = sync.Pool{New: func() any {
		b := make(textBuffer, CommandMax+1)
		return &b
	}}
	replyBuffers = sync.Pool{New: func() any {
		b := make(textBuffer, ReplyMax)
		return &b
	}}
)

// NewDecoder returns a decoder that stands before the first byte.
func NewDecoder(g Grammar) Decoder {
	d := Decoder{grammar: g, commandMax: CommandMax}
	if g == Replies || g == Greeting {
		d.commandMax = ReplyMax
	}
	return d
}

// buffers is the pool that the decoder's texts are gathered in.
func (d *Decoder) buffers() *sync.Pool {
	if d.commandMax > CommandMax {
		return &replyBuffers
	}
	return &commandBuffers
}

// LimitCommand lowers the longest command accepted to n bytes, from 1 to CommandMax.
func (d *Decoder) LimitCommand(n int) {
	if n < 1 || n > CommandMax {
		panic("codec: command limit outside 1 to 4096")
	}
	d.commandMax = uint16(n)
}

// Next finds the next event in the input and says how many bytes it consumed. The caller offers
// the bytes that were not consumed again, with whatever followed them, until it gets EventNone.
func (d *Decoder) Next(in []byte) (Event, int) {
	switch d.place {
	case commandGiven:
		d.releaseGathered()
		d.place = atField
		return d.Next(in)
	case inCommand:
		return d.nextText(in)
	case inRecord:
		return d.nextRecord(in)
	case atEnd:
		if len(in) == 0 {
			return Event{}, 0
		}
		return d.fail(d.offset, reasonTrailing), 0
	case broken:
		return Event{Kind: EventError, Err: d.err}, 0
	case inLine:
		return d.nextLine(in)
	default:
		switch {
		case d.grammar == Lines:
			return d.nextLine(in)
		case d.grammar == KeyedRecord && d.offset == 0:
			d.remain = KeySize
			return d.nextText(in)
		}
		return d.nextField(in)
	}
}

const (
	reasonCommandEmpty = "a command of no bytes"
	reasonCommandLong  = "a command longer than the limit"
	reasonTrailing     = "bytes after the end of the record"
	reasonCommandCut   = "input ended inside a command"
	reasonRecordCut    = "input ended inside a record"
	reasonReplyShort   = "a reply too short for a code"
	reasonReplyLong    = "a reply longer than the limit"
	reasonReplyCode    = "a reply without a code"
	reasonReplyCut     = "input ended inside a reply"
	reasonKeyByte      = "a key that is not hexadecimal"
	reasonKeyCut       = "input ended inside a key"
)

func (d *Decoder) nextField(in []byte) (Event, int) {
	for i, c := range in {
		if reason := d.field.take(c); reason != "" {
			return d.fail(d.offset, reason), i
		}
		d.offset++
		if d.field.whole() {
			return d.fieldDone(in[i+1:], i+1)
		}
	}
	return Event{}, len(in)
}

// fieldDone acts on a whole field; rest is the input behind it, used the bytes it took.
func (d *Decoder) fieldDone(rest []byte, used int) (Event, int) {
	n := d.field.value
	d.field = fieldReader{}
	if d.grammar == Greeting {
		// PROTOCOL, Status exchange: "The server is ours if a field under 1,000 comes back".
		d.grammar = Replies
		if n >= greetingMax {
			d.grammar = Fields
		}
	}
	switch d.grammar {
	case Fields:
		return Event{Kind: EventField, N: n}, used
	case Record, Records, KeyedRecord:
		d.remain = n
		d.place = inRecord
		return Event{Kind: EventSize, N: n}, used
	case Commands:
		if n == 0 {
			return d.fail(d.offset-FieldSize, reasonCommandEmpty), used
		}
		if n > int64(d.commandMax) {
			return d.fail(d.offset-FieldSize, reasonCommandLong), used
		}
		return d.beginText(n, rest, used)
	case Replies:
		if n < codeDigits {
			return d.fail(d.offset-FieldSize, reasonReplyShort), used
		}
		if n > ReplyMax {
			return d.fail(d.offset-FieldSize, reasonReplyLong), used
		}
		return d.beginText(n, rest, used)
	default:
		panic("codec: decoder without a grammar")
	}
}

// beginText follows the length of a text of n bytes.
func (d *Decoder) beginText(n int64, rest []byte, used int) (Event, int) {
	d.remain = n
	d.place = inCommand
	ev, m := d.nextText(rest)
	return ev, used + m
}

// nextText gives a command, a reply or a KEY that lies whole in the input without copying it, and
// gathers one that does not.
func (d *Decoder) nextText(in []byte) (Event, int) {
	if d.gathered == nil && int64(len(in)) >= d.remain {
		text := in[:d.remain]
		d.offset += d.remain
		d.remain = 0
		d.place = atField
		return d.text(text), len(text)
	}
	if len(in) == 0 {
		return Event{}, 0
	}
	if d.gathered == nil {
		d.gathered = d.buffers().Get().(*textBuffer)
		d.place = inCommand
	}
	n := copy((*d.gathered)[d.kept:int64(d.kept)+d.remain], in)
	d.kept += uint16(n)
	d.offset += int64(n)
	if d.remain -= int64(n); d.remain > 0 {
		return Event{}, n
	}
	d.place = commandGiven
	return d.text((*d.gathered)[:d.kept]), n
}

// text is the event of a whole text.
func (d *Decoder) text(text []byte) Event {
	switch d.grammar {
	case Replies:
		code, rest, ok := parseReply(text)
		if !ok {
			return d.fail(d.offset-int64(len(text)), reasonReplyCode)
		}
		return Event{Kind: EventReply, N: int64(code), Data: rest}
	case KeyedRecord:
		if _, ok := ParseKey(text); !ok {
			return d.fail(0, reasonKeyByte)
		}
		return Event{Kind: EventKey, Data: text}
	default:
		return Event{Kind: EventCommand, Data: text}
	}
}

func (d *Decoder) nextRecord(in []byte) (Event, int) {
	if d.remain == 0 {
		d.place = atField
		if d.grammar == Record || d.grammar == KeyedRecord {
			d.place = atEnd
		}
		return Event{Kind: EventRecordEnd}, 0
	}
	piece := in[:min(int64(len(in)), d.remain)]
	if len(piece) == 0 {
		return Event{}, 0
	}
	d.Skip(int64(len(piece)))
	return Event{Kind: EventBytes, Data: piece}, len(piece)
}

// Skip counts n bytes of the record as received although they did not pass through Next: they
// were spliced. It panics when the record has fewer bytes to come.
func (d *Decoder) Skip(n int64) {
	if d.place != inRecord || n < 0 || n > d.remain {
		panic("codec: skip outside a record")
	}
	d.remain -= n
	d.offset += n
}

// Remaining is how many bytes of the record are still to come, 0 outside a record.
func (d *Decoder) Remaining() int64 {
	if d.place != inRecord {
		return 0
	}
	return d.remain
}

// InRecord says whether a record has begun whose EventRecordEnd was not yet given.
func (d *Decoder) InRecord() bool { return d.place == inRecord }

// Gathering says whether part of a field, of a text or of a line is there.
func (d *Decoder) Gathering() bool {
	return d.field.taken > 0 || d.place == inCommand || d.place == inLine
}

// Offset is how many bytes the decoder has taken, skipped ones included.
func (d *Decoder) Offset() int64 { return d.offset }

// End says what the end of the input means here: nil at a boundary, where it may end, and a
// *ProtocolError inside a field, a command or a record, or after a violation.
func (d *Decoder) End() *ProtocolError {
	switch {
	case d.place == broken:
		return d.err
	case d.place == inLine:
		return &ProtocolError{d.offset, reasonLineCut}
	case d.place == inCommand:
		return &ProtocolError{d.offset, d.reasonTextCut()}
	case d.place == inRecord && d.remain > 0:
		return &ProtocolError{d.offset, reasonRecordCut}
	case d.grammar == KeyedRecord && d.offset == 0:
		return &ProtocolError{0, reasonKeyCut}
	case d.field.taken > 0, d.grammar == Record && d.place == atField:
		return &ProtocolError{d.offset, reasonFieldCut}
	}
	return nil
}

func (d *Decoder) reasonTextCut() string {
	switch d.grammar {
	case Replies:
		return reasonReplyCut
	case KeyedRecord:
		return reasonKeyCut
	default:
		return reasonCommandCut
	}
}

// Release gives the buffer of a command back that will not be finished. The decoder is not to be
// used after.
func (d *Decoder) Release() { d.releaseGathered() }

func (d *Decoder) fail(offset int64, reason string) Event {
	d.releaseGathered()
	d.place = broken
	d.err = &ProtocolError{offset, reason}
	return Event{Kind: EventError, Err: d.err}
}

func (d *Decoder) releaseGathered() {
	if d.gathered != nil {
		d.buffers().Put(d.gathered)
		d.gathered = nil
		d.kept = 0
	}
}
