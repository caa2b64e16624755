package codec

import (
	"math"
	"sync"
)

// CommandMax is the maximum length of a command in bytes. (PROTOCOL.md, Commands.)
const CommandMax = 4096

// Grammar describes what one direction of a connection consists of.
type Grammar uint8

const (
	// Commands is any number of commands, each with its length: control, read by a server.
	Commands Grammar = iota + 1
	// Fields is any number of fields: control, read by a client of the base exchange.
	Fields
	// Record is a single record, field(size) and that many bytes: a download.
	Record
	// Records is any number of records: an upload in the base exchange.
	Records
	// Lines is lines of text that end in LF or CR LF: both directions of classic's control.
	Lines
	// Replies is any number of replies, each with its length: control, read by a client of the
	// status exchange.
	Replies
	// Greeting is control, read by a client that has sent hello: Replies if the first field is
	// below 1,000, otherwise Fields. (PROTOCOL.md, Hello.)
	Greeting
	// KeyedRecord is a key and a single record: a data connection of the status exchange, read by
	// a server. A key alone is complete too, since downloads send nothing else.
	KeyedRecord
	// Stream is bytes up to the end of the connection: what a server reads from the data connection
	// of an upload over FTP. It is one record without an end.
	Stream
)

// EventKind is the type of an Event.
type EventKind uint8

const (
	// EventNone means that all input was consumed and more is needed.
	EventNone EventKind = iota
	// EventCommand has a command's text in Data, or a line without its end.
	EventCommand
	// EventField has a field's number in N.
	EventField
	// EventSize begins a record of N bytes.
	EventSize
	// EventBytes has a piece of a record in Data.
	EventBytes
	// EventRecordEnd follows the last byte of a record.
	EventRecordEnd
	// EventError has a protocol error in Err. Every later call returns it again.
	EventError
	// EventReply has a reply's code in N and its text in Data.
	EventReply
	// EventKey has a valid key in Data, as it was sent; see ParseKey.
	EventKey
)

// Event is one element found in the input.
type Event struct {
	Kind EventKind
	// N is a number, see the kinds.
	N int64
	// Data refers to the input or to a buffer of the decoder. It is valid until the next call of
	// Next.
	Data []byte
	// Err is set for EventError only.
	Err *ProtocolError
}

// Decoder decodes one direction of one connection. It is a small plain value, owned by the owner of
// the connection, and holds a buffer only while a text is incomplete.
type Decoder struct {
	// remain is the number of bytes of the text or record that have not arrived yet.
	remain int64
	offset int64
	field  fieldReader
	// partial holds the first partialLen bytes of a text that arrives in pieces, otherwise nil.
	partial *textBuffer
	err     *ProtocolError
	// textMax is the maximum length of a text in bytes.
	textMax    uint16
	partialLen uint16
	grammar    Grammar
	state      decoderState
}

// decoderState is the position of a decoder in its grammar.
type decoderState uint8

const (
	atField decoderState = iota
	inText
	textReturned // a text was returned from the buffer, which is still held
	inRecord
	atEnd // after a single record
	failed
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

// NewDecoder returns a decoder for the beginning of a connection.
func NewDecoder(g Grammar) Decoder {
	d := Decoder{grammar: g, textMax: CommandMax}
	if g == Stream {
		d.state, d.remain = inRecord, math.MaxInt64
	}
	if g == Replies || g == Greeting {
		d.textMax = ReplyMax
	}
	return d
}

func (d *Decoder) buffers() *sync.Pool {
	if d.textMax > CommandMax {
		return &replyBuffers
	}
	return &commandBuffers
}

// LimitCommand lowers the maximum length of a command to n bytes, from 1 to CommandMax.
func (d *Decoder) LimitCommand(n int) {
	if n < 1 || n > CommandMax {
		panic("codec: command limit outside 1 to 4096")
	}
	d.textMax = uint16(n)
}

// Next returns the next event in the input and the number of bytes that it consumed. The caller
// passes the remaining bytes again, with whatever has followed them, until it receives EventNone.
func (d *Decoder) Next(in []byte) (Event, int) {
	switch d.state {
	case textReturned:
		d.releasePartial()
		d.state = atField
		return d.Next(in)
	case inText:
		return d.nextText(in)
	case inRecord:
		return d.nextRecord(in)
	case atEnd:
		if len(in) == 0 {
			return Event{}, 0
		}
		return d.fail(d.offset, reasonTrailing), 0
	case failed:
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

// PeekCommand looks ahead in input that was not passed to Next yet. It returns the command at its
// beginning and the number of bytes that it takes, or 0 if the command is incomplete or invalid,
// which Next will report in its turn. The text shares the input's memory.
func (d *Decoder) PeekCommand(in []byte) (text []byte, n int) {
	ahead := Decoder{grammar: d.grammar, textMax: d.textMax}
	defer ahead.Release()
	ev, n := ahead.Next(in)
	if ev.Kind != EventCommand {
		return nil, 0
	}
	return ev.Data, n
}

const (
	reasonCommandEmpty = "command is empty"
	reasonCommandLong  = "command exceeds the limit"
	reasonTrailing     = "data after the end of the record"
	reasonCommandCut   = "input ended inside a command"
	reasonRecordCut    = "input ended inside a record"
	reasonReplyShort   = "reply is too short for a code"
	reasonReplyLong    = "reply exceeds the limit"
	reasonReplyCode    = "reply does not begin with a code"
	reasonReplyCut     = "input ended inside a reply"
	reasonKeyByte      = "key is not hexadecimal"
	reasonKeyCut       = "input ended inside a key"
)

func (d *Decoder) nextField(in []byte) (Event, int) {
	for i, c := range in {
		if reason := d.field.add(c); reason != "" {
			return d.fail(d.offset, reason), i
		}
		d.offset++
		if d.field.complete() {
			return d.fieldDone(in[i+1:], i+1)
		}
	}
	return Event{}, len(in)
}

// fieldDone handles a complete field. rest is the input after it, used the bytes consumed so far.
func (d *Decoder) fieldDone(rest []byte, used int) (Event, int) {
	n := d.field.value
	d.field = fieldReader{}
	if d.grammar == Greeting {
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
		d.state = inRecord
		return Event{Kind: EventSize, N: n}, used
	case Commands:
		if n == 0 {
			return d.fail(d.offset-FieldSize, reasonCommandEmpty), used
		}
		if n > int64(d.textMax) {
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

func (d *Decoder) beginText(n int64, rest []byte, used int) (Event, int) {
	d.remain = n
	d.state = inText
	ev, m := d.nextText(rest)
	return ev, used + m
}

// nextText returns a command, a reply or a key without copying it if the input contains all of it,
// and collects it otherwise.
func (d *Decoder) nextText(in []byte) (Event, int) {
	if d.partial == nil && int64(len(in)) >= d.remain {
		text := in[:d.remain]
		d.offset += d.remain
		d.remain = 0
		d.state = atField
		return d.text(text), len(text)
	}
	if len(in) == 0 {
		return Event{}, 0
	}
	if d.partial == nil {
		d.partial = d.buffers().Get().(*textBuffer)
		d.state = inText
	}
	n := copy((*d.partial)[d.partialLen:int64(d.partialLen)+d.remain], in)
	d.partialLen += uint16(n)
	d.offset += int64(n)
	if d.remain -= int64(n); d.remain > 0 {
		return Event{}, n
	}
	d.state = textReturned
	return d.text((*d.partial)[:d.partialLen]), n
}

func (d *Decoder) text(text []byte) Event {
	switch d.grammar {
	case Replies:
		code, rest, ok := parseReply(text)
		if !ok {
			return d.fail(d.offset-int64(len(text)), reasonReplyCode)
		}
		return Event{Kind: EventReply, N: code, Data: rest}
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
		d.state = atField
		if d.grammar == Record || d.grammar == KeyedRecord {
			d.state = atEnd
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

// Skip counts n bytes of the record that did not pass through Next because they were spliced. It
// panics if fewer bytes remain.
func (d *Decoder) Skip(n int64) {
	if d.state != inRecord || n < 0 || n > d.remain {
		panic("codec: skip outside a record")
	}
	d.remain -= n
	d.offset += n
}

// Remaining returns how many bytes of the record have not arrived yet, 0 outside a record.
func (d *Decoder) Remaining() int64 {
	if d.state != inRecord {
		return 0
	}
	return d.remain
}

// InRecord reports whether a record has begun and its EventRecordEnd was not returned yet.
func (d *Decoder) InRecord() bool { return d.state == inRecord }

// Gathering reports whether a field, a text or a line is incomplete.
func (d *Decoder) Gathering() bool {
	return d.field.count > 0 || d.state == inText || d.state == inLine
}

// Offset returns the number of bytes consumed, including skipped ones.
func (d *Decoder) Offset() int64 { return d.offset }

// End returns nil if the input may end here, and otherwise the protocol error that its end is.
func (d *Decoder) End() *ProtocolError {
	switch {
	case d.state == failed:
		return d.err
	case d.grammar == Stream:
		return nil
	case d.state == inLine:
		return &ProtocolError{d.offset, reasonLineCut}
	case d.state == inText:
		return &ProtocolError{d.offset, d.reasonTextCut()}
	case d.state == inRecord && d.remain > 0:
		return &ProtocolError{d.offset, reasonRecordCut}
	case d.grammar == KeyedRecord && d.offset == 0:
		return &ProtocolError{0, reasonKeyCut}
	case d.field.count > 0, d.grammar == Record && d.state == atField:
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

// Release returns the buffer of an incomplete text. The decoder must not be used afterwards.
func (d *Decoder) Release() { d.releasePartial() }

func (d *Decoder) fail(offset int64, reason string) Event {
	d.releasePartial()
	d.state = failed
	d.err = &ProtocolError{offset, reason}
	return Event{Kind: EventError, Err: d.err}
}

func (d *Decoder) releasePartial() {
	if d.partial != nil {
		d.buffers().Put(d.partial)
		d.partial = nil
		d.partialLen = 0
	}
}
