package ftp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// trace feeds a reader pieces of input and writes down what it says.
func trace(lineMax int, pieces ...[]byte) []string {
	var out []string
	r := NewReader(lineMax)
	defer r.Release()
	for _, piece := range pieces {
		own := bytes.Clone(piece)
		for rest := own; ; {
			ev, n := r.Next(rest)
			rest = rest[n:]
			if ev.Kind == EventNone {
				break
			}
			out = append(out, describe(ev))
			if ev.Kind == EventError {
				return out
			}
		}
		// The reader must not keep its caller's memory.
		for i := range own {
			own[i] = '#'
		}
	}
	if r.Partial() {
		out = append(out, "partial")
	}
	return out
}

func describe(ev Event) string {
	switch ev.Kind {
	case EventLine:
		return fmt.Sprintf("line %q", ev.Data)
	case EventRefused:
		return fmt.Sprintf("refused %q", ev.Data)
	case EventAnswer:
		return fmt.Sprintf("answer %x", ev.Answer)
	default:
		return "error"
	}
}

var long = strings.Repeat("n", LineMax)

var readerCases = []struct {
	in   string
	want []string
}{
	{"", nil},
	{"NOOP\r\n", []string{`line "NOOP"`}},
	{"NOOP\n", []string{`line "NOOP"`}},
	{"\r\n\n", []string{`line ""`, `line ""`}},
	{"USER a\r\nPASS b\nQUIT\r\n", []string{`line "USER a"`, `line "PASS b"`, `line "QUIT"`}},
	{"RETR  a b \r\n", []string{`line "RETR  a b "`}},
	{"RETR caf\xc3\xa9\r\n", []string{`line "RETR café"`}},
	{"NOO", []string{"partial"}},
	{"NOOP\r", []string{"partial"}},
	{"A\r\r\n", []string{`refused "A\r"`}},
	{"A\rB\r\n", []string{`refused "A\rB"`}},
	{"A\x00B\r\nNOOP\r\n", []string{`refused "A\x00B"`, `line "NOOP"`}},
	{"A\x7f\n", []string{`refused "A\x7f"`}},
	{"A\tB\n", []string{`refused "A\tB"`}},
	// Telnet.
	{"\xff\xf4\xff\xf2ABOR\r\n", []string{`line "ABOR"`}},
	{"\xff\xf4\xf2ABOR\r\n", []string{`line "\xf2ABOR"`}},
	{"AB\xff\xf1OR\xff\xf2\r\xff\xf1\n", []string{`line "ABOR"`}},
	{"RETR \xff\xff\xff\xffx\r\n", []string{`line "RETR \xff\xffx"`}},
	{"RETR \xffx\xff\r\n", []string{`line "RETR \xffx\xff"`}},
	{"RETR \xff\x01\n", []string{`refused "RETR \xff\x01"`}},
	{"\xff\xfd\x06NOOP\r\n", []string{"answer fffc06", `line "NOOP"`}},
	{"NO\xff\xfb\x01OP\r\n", []string{"answer fffe01", `line "NOOP"`}},
	{"\xff\xfd\xff\xff\xfd\n\n", []string{"answer fffcff", "answer fffc0a", `line ""`}},
	{"\xff\xfc\x06\xff\xfe\x06NOOP\r\n", []string{`line "NOOP"`}},
	{"\xff\xfa\x18\x00\xff\xff\xffx\xff\xf0NOOP\n", []string{`line "NOOP"`}},
	{"NO\xff\xfa\x18 never closed\r\nNOOP\n", []string{`line "NO"`, `line "NOOP"`}},
	{"\xff", []string{"partial"}},
	{"\xff\xfb", []string{"partial"}},
	// Limits.
	{long + "\n", []string{fmt.Sprintf("line %q", long)}},
	{long + "\r\nNOOP\n", []string{fmt.Sprintf("line %q", long), `line "NOOP"`}},
	{long + "\r", []string{"partial"}},
	{long + "n\n", []string{"error"}},
	{long + "n", []string{"error"}},
	{long + "\r\r\n", []string{"error"}},
	{long + "\rn\r\n", []string{"error"}},
	{long[1:] + "\xff\xff\r\n", []string{fmt.Sprintf("line %q", long[1:]+"\xff")}},
	{long + "\xff\xff\r\n", []string{"error"}},
	{long[1:] + "\xffx\r\n", []string{"error"}},
	{strings.Repeat("\xff\xf1", LineMax) + "NOOP\n", []string{`line "NOOP"`}},
	{"NOOP\n" + long + long + "\n", []string{`line "NOOP"`, "error"}},
}

func TestReaderSplitsLines(t *testing.T) {
	for _, c := range readerCases {
		check := func(pieces ...[]byte) {
			t.Helper()
			if got := trace(0, pieces...); !equalStrings(got, c.want) {
				t.Errorf("%.40q in %d pieces: %.200q, want %.200q", c.in, len(pieces), got, c.want)
			}
		}
		in := []byte(c.in)
		check(in)
		check(bytes.SplitAfter(in, nil)...)
		step := 1 + len(in)/100
		for i := 0; i < len(in); i += step {
			check(in[:i], in[i:])
			check(in[:i], in[i:i+1], in[i+1:])
		}
	}
}

// Every truncation says what was complete, and no more.
func TestReaderTruncation(t *testing.T) {
	in := []byte("USER a\r\nS\xff\xfd\x06TOR \xff\xff\r\nA\x00\r\n")
	whole := trace(0, in)
	for i := range in {
		got := trace(0, in[:i])
		if n := len(got); n > 0 && got[n-1] == "partial" {
			got = got[:n-1]
		}
		if len(got) > len(whole) || !equalStrings(got, whole[:len(got)]) {
			t.Errorf("%q gave %q, which does not begin %q", in[:i], got, whole)
		}
	}
}

func TestReaderLimitIsSet(t *testing.T) {
	if got := trace(4, []byte("NOOP\r\nNOOPS\r\n")); !equalStrings(got,
		[]string{`line "NOOP"`, "error"}) {
		t.Error(got)
	}
	for _, n := range []int{-1, LineMax + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a limit of %d was taken", n)
				}
			}()
			NewReader(n)
		}()
	}
}

func TestReaderErrorIsSticky(t *testing.T) {
	r := NewReader(1)
	for _, in := range []string{"ab", "", "\n", "a\n"} {
		if ev, _ := r.Next([]byte(in)); ev.Kind != EventError {
			t.Errorf("%q gave %v", in, ev)
		}
	}
	if r.gathered != nil {
		t.Error("a failed reader holds a buffer")
	}
}

func TestIdleReaderHoldsNothing(t *testing.T) {
	if size := unsafe.Sizeof(Reader{}); size > 24 {
		t.Errorf("a reader takes %d bytes", size)
	}
	r := NewReader(0)
	for _, in := range []string{"NO", "OP\r\n", "\xff\xfd\x06"} {
		for rest := []byte(in); ; {
			ev, n := r.Next(rest)
			if rest = rest[n:]; ev.Kind == EventNone {
				break
			}
		}
		if held := r.gathered != nil; held != r.Partial() || held != (in == "NO") {
			t.Errorf("after %q a buffer is held: %t", in, held)
		}
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under race sync.Pool drops at random")
	}
	r := NewReader(0)
	for _, in := range []string{
		"RETR name\r\n", "\xff\xf4\xff\xf2ABOR\r\n", "\xff\xfd\x06NOOP\r\n",
	} {
		pieces := [][]byte{[]byte(in)[:5], []byte(in)[5:], []byte(in)}
		if n := testing.AllocsPerRun(100, func() {
			for _, piece := range pieces {
				for {
					ev, n := r.Next(piece)
					if piece = piece[n:]; ev.Kind == EventNone {
						break
					}
				}
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
	scratch, in := make([]byte, 0, LineMax), []byte("AB\xff\xf1OR\r\n")
	if n := testing.AllocsPerRun(100, func() {
		if line, n := NextLine(in, scratch, 0); n != len(in) || string(line) != "ABOR" {
			t.Fatal(line, n)
		}
	}); n != 0 {
		t.Errorf("NextLine: %v allocations", n)
	}
}

func TestNextLineLooksAhead(t *testing.T) {
	for in, want := range map[string]struct {
		line string
		n    int
	}{
		"":                         {"", 0},
		"ABOR":                     {"", 0},
		"ABOR\r\nNOOP\r\n":         {"ABOR", 6},
		"\xff\xf4\xff\xf2ABOR\r\n": {"ABOR", 10},
		"\xff\xfd\x06ABOR\n":       {"ABOR", 8},
		"A\x00\n":                  {"A\x00", 3},
		long + "n\n":               {"", 0},
	} {
		line, n := NextLine([]byte(in), nil, 0)
		if string(line) != want.line || n != want.n {
			t.Errorf("%.20q gave %q, %d", in, line, n)
		}
	}
}

// The line outlives the buffer that it was gathered in.
func TestNextLineIsTheCallers(t *testing.T) {
	line, _ := NextLine([]byte("AB\xff\xf1OR\n"), nil, 0)
	var readers [8]Reader
	for i := range readers {
		readers[i] = NewReader(0)
		readers[i].Next([]byte("xxxxxxxx"))
		defer readers[i].Release()
	}
	if string(line) != "ABOR" {
		t.Errorf("%q", line)
	}
}

// FuzzReader holds the law of the reader: events do not depend on cuts. It also holds lines without
// telnet codes against a plain split, and NextLine against the reader.
func FuzzReader(f *testing.F) {
	for _, c := range readerCases {
		if len(c.in) < 100 {
			f.Add([]byte(c.in), uint16(1), uint16(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		const lineMax = 16
		whole := trace(lineMax, in)
		first := min(int(a), len(in))
		second := min(first+int(b), len(in))
		for _, pieces := range [][][]byte{
			bytes.SplitAfter(in, nil), {in[:first], in[first:second], in[second:]},
		} {
			if got := trace(lineMax, pieces...); !equalStrings(got, whole) {
				t.Fatalf("%q in %q: %q, whole %q", in, pieces, got, whole)
			}
		}
		if !bytes.Contains(in, []byte{telnetIAC}) {
			if want := split(in, lineMax); !equalStrings(whole, want) {
				t.Fatalf("%q: %q, want %q", in, whole, want)
			}
		}
		line, n := NextLine(in, nil, lineMax)
		for _, said := range whole {
			if strings.HasPrefix(said, "answer") {
				continue
			}
			_, text, _ := strings.Cut(said, " ")
			isLine := text != ""
			if isLine != (n > 0) || isLine && text != fmt.Sprintf("%q", line) {
				t.Fatalf("%q: NextLine %q, %d; reader %q", in, line, n, said)
			}
			break
		}
	})
}

// split says what a reader should of input without telnet codes.
func split(in []byte, lineMax int) (out []string) {
	for len(in) > 0 {
		line, rest, ended := bytes.Cut(in, []byte{'\n'})
		if body := bytes.TrimSuffix(line, []byte{'\r'}); len(body) > lineMax {
			return append(out, "error")
		} else if ended {
			word := "line"
			if bytes.ContainsFunc(body, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				word = "refused"
			}
			out = append(out, fmt.Sprintf("%s %q", word, body))
		} else {
			out = append(out, "partial")
		}
		in = rest
	}
	return out
}

func equalStrings(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }
