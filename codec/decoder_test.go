package codec

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// trace returns the events of a decoder for input in pieces. It joins consecutive EventBytes and
// adds the result of End.
func trace(g Grammar, pieces ...[]byte) []string {
	var out []string
	var body []byte
	flush := func() {
		if body != nil {
			out = append(out, fmt.Sprintf("bytes %q", body))
			body = nil
		}
	}
	d := NewDecoder(g)
	defer d.Release()
	for _, in := range pieces {
		// The decoder must not keep a reference to the input, which is overwritten below.
		own := bytes.Clone(in)
		for rest := own; ; {
			ev, n := d.Next(rest)
			rest = rest[n:]
			if ev.Kind == EventBytes {
				body = append(body, ev.Data...)
				continue
			}
			if ev.Kind == EventNone {
				break
			}
			flush()
			out = append(out, describe(ev))
			if ev.Kind == EventError {
				return append(out, fmt.Sprintf("offset %d", d.Offset()))
			}
		}
		for i := range own {
			own[i] = 0xff
		}
	}
	flush()
	end := "end clean"
	if err := d.End(); err != nil {
		end = "end: " + err.Error()
	}
	return append(out, end, fmt.Sprintf("offset %d", d.Offset()))
}

func describe(ev Event) string {
	switch ev.Kind {
	case EventCommand:
		return fmt.Sprintf("command %q", ev.Data)
	case EventField:
		return fmt.Sprintf("field %d", ev.N)
	case EventSize:
		return fmt.Sprintf("size %d", ev.N)
	case EventRecordEnd:
		return "record end"
	case EventError:
		return ev.Err.Error()
	case EventReply:
		return fmt.Sprintf("reply %d %q", ev.N, ev.Data)
	case EventKey:
		return fmt.Sprintf("key %s", ev.Data)
	default:
		return fmt.Sprintf("event %d", ev.Kind)
	}
}

func wantTrace(t *testing.T, g Grammar, want []string, pieces ...[]byte) {
	t.Helper()
	got := trace(g, pieces...)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("pieces %q:\n got %q\nwant %q", pieces, got, want)
	}
}

var longLine = strings.Repeat("n", CommandMax)

func f(n int64) string { return string(AppendField(nil, n)) }

var decoderCases = []struct {
	name    string
	grammar Grammar
	in      string
	want    []string
}{
	{"nothing", Commands, "", []string{"end clean", "offset 0"}},
	{
		"one command", Commands, "0000000011get abc.txt",
		[]string{`command "get abc.txt"`, "end clean", "offset 21"},
	},
	{
		"three at once", Commands, f(2) + "ls" + f(5) + "get a" + f(4) + "quit",
		[]string{
			`command "ls"`, `command "get a"`, `command "quit"`, "end clean", "offset 41",
		},
	},
	{
		"other padding", Commands,
		"         2ls2         ls2" + strings.Repeat("\x00", 9) + "ls",
		[]string{`command "ls"`, `command "ls"`, `command "ls"`, "end clean", "offset 36"},
	},
	{
		"empty command", Commands, "0000000000",
		[]string{"protocol error at byte 0: command is empty", "offset 10"},
	},
	{
		"letters instead of a field", Commands, "ls        ",
		[]string{"protocol error at byte 0: " + reasonFieldByte, "offset 0"},
	},
	{
		"command above the limit", Commands, f(4) + "quit" + f(4097) + "x",
		[]string{
			`command "quit"`, "protocol error at byte 14: command exceeds the limit",
			"offset 24",
		},
	},
	{
		"minus", Commands, "-000000001x",
		[]string{"protocol error at byte 0: " + reasonFieldByte, "offset 0"},
	},
	{
		"digit after padding", Commands, "1 1       x",
		[]string{"protocol error at byte 2: " + reasonFieldByte, "offset 2"},
	},
	{
		"no digit", Commands, "          x",
		[]string{"protocol error at byte 9: " + reasonFieldEmpty, "offset 9"},
	},
	{
		"NUL on the left", Commands, "\x00000000001x",
		[]string{"protocol error at byte 0: " + reasonFieldByte, "offset 0"},
	},
	{
		"half a field", Commands, "00000",
		[]string{"end: protocol error at byte 5: " + reasonFieldCut, "offset 5"},
	},
	{
		"half a command", Commands, f(5) + "get",
		[]string{"end: protocol error at byte 13: " + reasonCommandCut, "offset 13"},
	},
	{
		"ports", Fields, f(1024) + f(65535),
		[]string{"field 1024", "field 65535", "end clean", "offset 20"},
	},
	{
		"largest field", Fields, "9999999999",
		[]string{"field 9999999999", "end clean", "offset 10"},
	},
	{
		"a record", Record, f(5) + "hello",
		[]string{"size 5", `bytes "hello"`, "record end", "end clean", "offset 15"},
	},
	{"an empty record", Record, f(0), []string{"size 0", "record end", "end clean", "offset 10"}},
	{
		"no record", Record, "",
		[]string{"end: protocol error at byte 0: " + reasonFieldCut, "offset 0"},
	},
	{
		"data after a record", Record, f(1) + "ab",
		[]string{
			"size 1", `bytes "a"`, "record end", "protocol error at byte 11: " + reasonTrailing,
			"offset 11",
		},
	},
	{
		"cut record", Record, f(5) + "he",
		[]string{
			"size 5", `bytes "he"`, "end: protocol error at byte 12: " + reasonRecordCut,
			"offset 12",
		},
	},
	{
		"records", Records, f(2) + "ab" + f(0) + f(3) + "cde",
		[]string{
			"size 2", `bytes "ab"`, "record end", "size 0", "record end",
			"size 3", `bytes "cde"`, "record end", "end clean", "offset 35",
		},
	},
	{"no records", Records, "", []string{"end clean", "offset 0"}},
	{
		"lines", Lines, "RETR a b\nGOODBYE SERVER\r\n\n\rx\n",
		[]string{
			`command "RETR a b"`, `command "GOODBYE SERVER"`, `command ""`, `command "\rx"`,
			"end clean", "offset 29",
		},
	},
	{"no lines", Lines, "", []string{"end clean", "offset 0"}},
	{
		"half a line", Lines, "RETR",
		[]string{"end: protocol error at byte 4: " + reasonLineCut, "offset 4"},
	},
	{
		"longest line", Lines, longLine + "\r\nx\n",
		[]string{fmt.Sprintf("command %q", longLine), `command "x"`, "end clean", "offset 4100"},
	},
	{
		"line too long", Lines, longLine + "y\n",
		[]string{"protocol error at byte 4096: " + reasonLineLong, "offset 4098"},
	},
	{
		"line without end", Lines, longLine + "yz",
		[]string{"protocol error at byte 4097: " + reasonLineLong, "offset 4097"},
	},
	{
		"records, then letters", Records, f(1) + "a" + "bcd",
		[]string{
			"size 1", `bytes "a"`, "record end", "protocol error at byte 11: " + reasonFieldByte,
			"offset 11",
		},
	},
}

const someKey = "0123456789abCDEF"

var statusCases = []struct {
	name    string
	grammar Grammar
	in      string
	want    []string
}{
	{
		"replies", Replies, f(11) + "200 ferry/1" + f(3) + "226" + f(4) + "250 " + f(6) + "550  a",
		[]string{
			`reply 200 "ferry/1"`, `reply 226 ""`, `reply 250 ""`, `reply 550 " a"`,
			"end clean", "offset 64",
		},
	},
	{
		"reply too short", Replies, f(2) + "20",
		[]string{"protocol error at byte 0: " + reasonReplyShort, "offset 10"},
	},
	{
		"reply too long", Replies, f(3) + "200" + f(8193) + "2",
		[]string{`reply 200 ""`, "protocol error at byte 13: " + reasonReplyLong, "offset 23"},
	},
	{
		"longest reply", Replies, f(8192) + "250 " + strings.Repeat("n", 8188),
		[]string{
			fmt.Sprintf("reply 250 %q", strings.Repeat("n", 8188)), "end clean", "offset 8202",
		},
	},
	{
		"reply without a code", Replies, f(5) + "2x0 a" + f(3),
		[]string{"protocol error at byte 10: " + reasonReplyCode, "offset 15"},
	},
	{
		"reply with a low code", Replies, f(5) + "099 a",
		[]string{"protocol error at byte 10: " + reasonReplyCode, "offset 15"},
	},
	{
		"reply without a space", Replies, f(5) + "200xa",
		[]string{"protocol error at byte 10: " + reasonReplyCode, "offset 15"},
	},
	{
		"half a reply", Replies, f(5) + "200 ",
		[]string{"end: protocol error at byte 14: " + reasonReplyCut, "offset 14"},
	},
	{
		"greeting of status", Greeting, f(11) + "200 ferry/1" + f(8) + "226 1000",
		[]string{`reply 200 "ferry/1"`, `reply 226 "1000"`, "end clean", "offset 39"},
	},
	{
		"greeting of base", Greeting, f(1024) + f(999),
		[]string{"field 1024", "field 999", "end clean", "offset 20"},
	},
	{
		"keyed record", KeyedRecord, someKey + f(3) + "abc",
		[]string{
			"key " + someKey, "size 3", `bytes "abc"`, "record end", "end clean", "offset 29",
		},
	},
	{
		"key alone", KeyedRecord, someKey,
		[]string{"key " + someKey, "end clean", "offset 16"},
	},
	{
		"no key", KeyedRecord, "",
		[]string{"end: protocol error at byte 0: " + reasonKeyCut, "offset 0"},
	},
	{
		"half a key", KeyedRecord, someKey[:15],
		[]string{"end: protocol error at byte 15: " + reasonKeyCut, "offset 15"},
	},
	{
		"field instead of a key", KeyedRecord, f(3) + "ghijklx",
		[]string{"protocol error at byte 0: " + reasonKeyByte, "offset 16"},
	},
	{
		"key and half a field", KeyedRecord, someKey + "000",
		[]string{
			"key " + someKey, "end: protocol error at byte 19: " + reasonFieldCut, "offset 19",
		},
	},
	{
		"two keyed records", KeyedRecord, someKey + f(0) + f(0),
		[]string{
			"key " + someKey, "size 0", "record end",
			"protocol error at byte 26: " + reasonTrailing, "offset 26",
		},
	},
}

// TestEventsDoNotDependOnCuts runs every case at once, byte by byte, and cut in two at every place
// with an empty read in between.
func TestEventsDoNotDependOnCuts(t *testing.T) {
	for _, c := range append(statusCases, decoderCases...) {
		t.Run(c.name, func(t *testing.T) {
			in := []byte(c.in)
			wantTrace(t, c.grammar, c.want, in)
			var single [][]byte
			for i := range in {
				single = append(single, in[i:i+1])
			}
			wantTrace(t, c.grammar, c.want, single...)
			for cut := range len(in) + 1 {
				wantTrace(t, c.grammar, c.want, in[:cut], nil, in[cut:])
			}
		})
	}
}

func TestTruncatedInputDoesNotEndCleanly(t *testing.T) {
	for g, in := range map[Grammar]string{
		Commands: f(5) + "get a", Fields: f(2121), Record: f(3) + "abc", Records: f(3) + "abc",
		Lines: "RETR a\n", Replies: f(5) + "200 a", KeyedRecord: someKey,
	} {
		for cut := 1; cut < len(in); cut++ {
			d := NewDecoder(g)
			for rest := []byte(in[:cut]); ; {
				ev, n := d.Next(rest)
				if rest = rest[n:]; ev.Kind == EventNone {
					break
				}
			}
			if d.End() == nil {
				t.Errorf("grammar %d: %q ends cleanly", g, in[:cut])
			}
			d.Release()
		}
	}
}

func TestSkippedBytesCountAsReceived(t *testing.T) {
	d := NewDecoder(Records)
	ev, n := d.Next([]byte(f(1000) + "abc"))
	if ev.Kind != EventSize || ev.N != 1000 || n != FieldSize {
		t.Fatalf("got %v, %d", ev, n)
	}
	d.Skip(990)
	if d.Remaining() != 10 || d.End() == nil {
		t.Fatalf("remaining %d, end %v", d.Remaining(), d.End())
	}
	if ev, n = d.Next([]byte("0123456789" + f(7))); string(ev.Data) != "0123456789" || n != 10 {
		t.Fatalf("got %v, %d", ev, n)
	}
	if ev, _ = d.Next([]byte(f(7))); ev.Kind != EventRecordEnd {
		t.Fatalf("got %v", ev)
	}
	if d.Offset() != 1010 {
		t.Fatalf("offset %d", d.Offset())
	}
	wantPanic(t, func() { d.Skip(1) })
}

func TestCommandLimitHolds(t *testing.T) {
	d := NewDecoder(Commands)
	d.LimitCommand(5)
	within, above := []byte(f(5)+"get a"), []byte(f(6)+"get ab")
	if text, n := d.PeekCommand(within); string(text) != "get a" || n != len(within) {
		t.Errorf("peeked %q, %d", text, n)
	}
	if text, n := d.PeekCommand(above); n != 0 {
		t.Errorf("peeked %q above the limit", text)
	}
	if ev, _ := d.Next(within); ev.Kind != EventCommand {
		t.Errorf("got %v", ev)
	}
	if ev, _ := d.Next(above); ev.Kind != EventError || ev.Err.Reason != reasonCommandLong {
		t.Errorf("got %v", ev)
	}
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	whole := []byte(f(11) + "get abc.txt")
	cuts := [][]byte{whole[:4], whole[4:13], whole[13:]}
	d := NewDecoder(Commands)
	if n := testing.AllocsPerRun(1000, func() {
		drain(&d, whole)
		for _, c := range cuts {
			drain(&d, c)
		}
	}); n != 0 {
		t.Errorf("%v allocations for two commands", n)
	}
	field := make([]byte, 0, FieldSize)
	if n := testing.AllocsPerRun(1000, func() {
		field = AppendField(field[:0], 123)
		if v, err := ParseField(field); v != 123 || err != nil {
			t.Fatal(v, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a field", n)
	}
}

func drain(d *Decoder, in []byte) {
	for {
		ev, n := d.Next(in)
		if in = in[n:]; ev.Kind == EventNone {
			return
		}
	}
}

// FuzzDecoderCuts compares input in arbitrary pieces with the same input at once.
func FuzzDecoderCuts(f *testing.F) {
	for _, c := range append(statusCases, decoderCases...) {
		f.Add(uint8(c.grammar-Commands), []byte(c.in), []byte{1, 3, 0, 9})
	}
	f.Fuzz(func(t *testing.T, grammar uint8, in, cuts []byte) {
		g := Grammar(grammar%8) + Commands
		var pieces [][]byte
		rest := in
		for _, c := range cuts {
			n := min(int(c), len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		wantTrace(t, g, trace(g, in), append(pieces, rest)...)
	})
}

func BenchmarkDecodeCommand(b *testing.B) {
	in := []byte(f(11) + "get abc.txt")
	d := NewDecoder(Commands)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		drain(&d, in)
	}
}
