package codec

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// fieldShape is the grammar of PROTOCOL.md, Fields.
var fieldShape = regexp.MustCompile(`\A *([0-9]+)[ \x00]*\z`)

// FuzzField compares ParseField with the grammar, and reads what AppendField writes.
func FuzzField(f *testing.F) {
	for _, text := range []string{
		"0000000011", "        11", "11      \x00 ", "9999999999", "-000000001", "          ",
		"12345678901", "1 1       ", "00000000\x0011", "\x00        1", "", "  0011 \x00 \x00",
		"11\x00\x00\x00\x00\x00\x00\x00\x00", "         0", "0\x00        ",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseField(text)
		found := fieldShape.FindSubmatch(text)
		want := int64(-1)
		if found != nil && len(text) == FieldSize {
			want, _ = strconv.ParseInt(string(found[1]), 10, 64)
		}
		if (err == nil) != (want >= 0) || err == nil && n != want {
			t.Fatalf("%q became %d, %v; want %d", text, n, err, want)
		}
		if err != nil {
			return
		}
		again, err := ParseField(AppendField(nil, n))
		if again != n || err != nil {
			t.Fatalf("%d became %d, %v", n, again, err)
		}
	})
}

// FuzzCommand compares ParseCommand with the grammar of PROTOCOL.md, Commands.
func FuzzCommand(f *testing.F) {
	for _, text := range []string{
		"get a", "GeT  a b ", "put", "ls ", "LS\t", "quit now", "gets a", "get\x00a", " get a", "",
		"g\xe5t a", "@et a", "get", "get ", "put x/y", "LS -l", "ls\n", "[]T a", "frobnicate",
	} {
		f.Add([]byte(text))
	}
	shape := regexp.MustCompile(`\A(?i:(get)|(put)|(ls)|(quit))(?: ((?s:.*)))?\z`)
	verbs := []Verb{VerbGet, VerbPut, VerbList, VerbQuit}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := ParseCommand(text)
		want, name := VerbUnknown, ""
		if found := shape.FindSubmatch(text); found != nil {
			for i, v := range verbs {
				if found[1+i] != nil {
					want = v
				}
			}
			name = string(found[5])
		}
		if c.Verb != want || string(c.Name) != name || !bytes.Equal(c.Text, text) {
			t.Fatalf("%q became %v %q, want %v %q", text, c.Verb, c.Name, want, name)
		}
		if c.Verb == VerbUnknown || len(text) > CommandMax {
			return
		}
		wire, err := AppendCommand(nil, c.Verb, name)
		if err != nil {
			t.Fatal(err)
		}
		again := ParseCommand(wire[FieldSize:])
		if again.Verb != c.Verb || string(again.Name) != name {
			t.Fatalf("%q was sent as %q", text, wire)
		}
	})
}

// FuzzPeekCommand compares looking ahead with decoding the same input byte by byte.
func FuzzPeekCommand(f *testing.F) {
	for _, in := range []string{
		"0000000004noopabor", "0000000004noo", "4         noop", "0000000000", "0000004097x", "x",
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoder(Commands)
		defer d.Release()
		text, n := d.PeekCommand(in)
		var ev Event
		used := 0
		for ; ev.Kind == EventNone && used < len(in); used++ {
			ev, _ = d.Next(in[used : used+1])
		}
		switch {
		case ev.Kind == EventCommand:
			if n != used || !bytes.Equal(text, ev.Data) {
				t.Fatalf("%q: %q of %d, decoded %q of %d", in, text, n, ev.Data, used)
			}
		case n != 0 || text != nil:
			t.Fatalf("%q: %q of %d, decoded %v", in, text, n, ev)
		}
	})
}

// FuzzLine compares lines of both directions with the grammar of PROTOCOL.md, Classic commands.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"RETR a", "retr  a b ", "RETR ", "RETRa", "GOODBYE SERVER", "goodbye server ", "", "\r",
		"CONN 20020", "CONN 0", "CONN 65536", "CONN 00021", "CONN  1", "CONN +1", "conn 1",
		"RETR", "GOODBYE", "get a", "CONN", "CONN ", "CONN 123456", "CONN 1 ", "CONN x",
	} {
		f.Add([]byte(line))
	}
	conn := regexp.MustCompile(`\ACONN ([0-9]{1,5})\z`)
	f.Fuzz(func(t *testing.T, line []byte) {
		c, port, isPort := ParseClassic(line), 0, false
		if found := conn.FindSubmatch(line); found != nil {
			port, _ = strconv.Atoi(string(found[1]))
			isPort = port > 0 && port <= 65535
		}
		got, ok := ParseConn(line)
		if ok != isPort || ok && int(got) != port {
			t.Fatalf("%q became port %d, %v", line, got, ok)
		}
		want, name := VerbUnknown, ""
		switch text := string(line); {
		case len(text) > 5 && strings.EqualFold(text[:5], "RETR "):
			want, name = VerbGet, text[5:]
		case strings.EqualFold(text, "GOODBYE SERVER"):
			want = VerbQuit
		}
		if c.Verb != want || string(c.Name) != name || !bytes.Equal(c.Text, line) {
			t.Fatalf("%q became %v %q, want %v %q", line, c.Verb, c.Name, want, name)
		}
		if c.Verb != VerbGet || bytes.ContainsAny(line, "\r\n") || len(line) > CommandMax {
			return
		}
		d := NewDecoder(Lines)
		defer d.Release()
		sent := AppendRetr(nil, name)
		ev, n := d.Next(sent)
		again := ParseClassic(ev.Data)
		if n != len(sent) || again.Verb != VerbGet || string(again.Name) != name {
			t.Fatalf("%q was sent as %q and became %v %q", line, sent, again.Verb, again.Name)
		}
	})
}

// FuzzReply sends replies with any code and text: each arrives as one line, complete or cut off at
// the limit.
func FuzzReply(f *testing.F) {
	f.Add(uint16(226), []byte("12"))
	f.Add(uint16(550), []byte("a\nb: no such\x7f file\x00"))
	f.Add(uint16(999), bytes.Repeat([]byte{'x'}, ReplyMax))
	f.Add(uint16(100), []byte(" "))
	f.Add(uint16(250), []byte(""))
	f.Fuzz(func(t *testing.T, code uint16, text []byte) {
		code = 100 + code%900
		wire := AppendReply(nil, int(code), text)
		d := NewDecoder(Replies)
		defer d.Release()
		ev, n := d.Next(wire)
		var want []byte
		for _, b := range text[:min(len(text), ReplyMax-4)] {
			if b < ' ' || b == 0x7f {
				b = '?'
			}
			want = append(want, b)
		}
		if n != len(wire) || ev.Kind != EventReply || ev.N != int64(code) ||
			!bytes.Equal(ev.Data, want) {
			t.Fatalf("%d %q became %v, %d %q", code, text, ev.Kind, ev.N, ev.Data)
		}
	})
}

// sumShape is "HEX SIZE" and further words. keyShape is a key.
var (
	sumShape = regexp.MustCompile(`\A([0-9a-fA-F]+) [0-9]{1,18}(?: (?s:.*))?\z`)
	keyShape = regexp.MustCompile(`\A[0-9a-fA-F]{16}\z`)
)

// FuzzAnswer reads any text as each kind of answer. What is valid can be sent and reads the same.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		"20000 0123456789abcdef", "20000 0123456789ABCDEF 12", "20000 0123456789abcdef 12 13 more",
		"0 0123456789abcdef 1", "65536 0123456789abcdef 1", "12", "-1", "9223372036854775808",
		"00ff 7", "00FF 7", "00fg 7", " 7", "file 12 2026-01-02T03:04:05Z", "dir 0 x y", "link 0 x",
		"ferry/1 get ls frobnicate", "ferry/", "ferry/1  put\tparts", "0123456789abcdef",
		"0123456789abcdeg",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, v := range []Verb{VerbGet, VerbGetPart, VerbPut, VerbList} {
			o, ok := ParseOffer(v, text)
			same(t, ok, o, func(o Offer) (Offer, bool) {
				return ParseOffer(v, AppendOffer(nil, o))
			})
			if ok && (o.Port == 0 || (v == VerbPut) != (o.Size < 0)) {
				t.Errorf("%v: %q became %+v", v, text, o)
			}
		}
		n, ok := ParseSize(text)
		same(t, ok, n, func(n int64) (int64, bool) { return ParseSize(AppendSize(nil, n)) })
		if ok && n < 0 {
			t.Errorf("%q is %d bytes", text, n)
		}
		sum, ok := ParseSum(text)
		same(t, ok, sum, func(s Sum) (Sum, bool) { return ParseSum(AppendSum(nil, s)) })
		if found := sumShape.FindSubmatch(text); ok != (found != nil) ||
			ok && sum.Hex != strings.ToLower(string(found[1])) {
			t.Errorf("%q became %+v, %v", text, sum, ok)
		}
		stat, ok := ParseStat(text)
		same(t, ok, stat, func(s Stat) (Stat, bool) { return ParseStat(AppendStat(nil, s)) })
		features, ok := ParseHello(text)
		same(t, ok, features, func(f Features) (Features, bool) {
			return ParseHello(AppendHello(nil, f))
		})
		key, ok := ParseKey(text)
		same(t, ok, key, func(k Key) (Key, bool) { return ParseKey([]byte(k.String())) })
		if ok != keyShape.Match(text) {
			t.Errorf("%q as a key: %v", text, ok)
		}
	})
}

// same requires that a value is unchanged after it was sent and read again.
func same[T comparable](t *testing.T, ok bool, first T, again func(T) (T, bool)) {
	t.Helper()
	if !ok {
		return
	}
	if second, ok := again(first); !ok || second != first {
		t.Errorf("%+v became %+v, %v", first, second, ok)
	}
}
