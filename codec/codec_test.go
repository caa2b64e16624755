package codec

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// TestConstantsArePinned holds the numbers of the protocol, and the room an idle session takes.
func TestConstantsArePinned(t *testing.T) {
	for name, c := range map[string][2]int64{
		"FieldSize":  {FieldSize, 10},
		"FieldMax":   {FieldMax, 9_999_999_999},
		"CommandMax": {CommandMax, 4096},
		"ReplyMax":   {ReplyMax, 8192},
		"KeySize":    {KeySize, 16},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %d, the protocol says %d", name, c[0], c[1])
		}
	}
	if size := unsafe.Sizeof(Decoder{}); size > 64 {
		t.Errorf("a decoder takes %d bytes, 64 are allowed", size)
	}
}

func TestFieldsGoBothWays(t *testing.T) {
	for text, n := range map[string]int64{
		"0000000000": 0, "0000000011": 11, "0000065535": 65535, "9999999999": FieldMax,
	} {
		if got := string(AppendField([]byte("x"), n)); got != "x"+text {
			t.Errorf("%d became %q", n, got)
		}
		if got, err := ParseField([]byte(text)); got != n || err != nil {
			t.Errorf("%q became %d, %v", text, got, err)
		}
	}
}

func TestFieldsOfOthersAreRead(t *testing.T) {
	for text, n := range map[string]int64{
		"        11": 11, "11        ": 11, "11\x00\x00\x00\x00\x00\x00\x00\x00": 11,
		"  0011 \x00 \x00": 11, "         0": 0, "0\x00        ": 0,
	} {
		if got, err := ParseField([]byte(text)); got != n || err != nil {
			t.Errorf("%q became %d, %v", text, got, err)
		}
	}
}

func TestBrokenFieldsAreRefused(t *testing.T) {
	for text, offset := range map[string]int64{
		"": 0, "1": 1, "123456789": 9, "12345678901": 10, "          ": 9, "-000000001": 0,
		"+000000001": 0, "00000000x1": 8, "1 1       ": 2, "\t000000001": 0, "000000001\n": 9,
		" \x00        ": 1, "0x00000010": 1, "１００": 0,
	} {
		n, err := ParseField([]byte(text))
		var pe *ProtocolError
		if !errors.As(err, &pe) || pe.Offset != offset || n != 0 {
			t.Errorf("%q became %d, %v; an error at byte %d was due", text, n, err, offset)
		}
	}
}

func TestFieldsOutOfRangePanic(t *testing.T) {
	for _, n := range []int64{-1, FieldMax + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d was encoded", n)
				}
			}()
			AppendField(nil, n)
		}()
	}
}

func TestCommandsAreTakenApart(t *testing.T) {
	for text, want := range map[string]struct {
		verb Verb
		name string
	}{
		"get a": {VerbGet, "a"}, "GET a": {VerbGet, "a"}, "gEt  a b ": {VerbGet, " a b "},
		"get": {VerbGet, ""}, "get ": {VerbGet, ""}, "put x/y": {VerbPut, "x/y"},
		"ls": {VerbList, ""}, "LS -l": {VerbList, "-l"}, "quit": {VerbQuit, ""},
		"Quit now": {VerbQuit, "now"}, "ls\n": {VerbUnknown, ""}, "gets a": {VerbUnknown, ""},
		"get\x00": {VerbUnknown, ""}, " get a": {VerbUnknown, ""}, "": {VerbUnknown, ""},
		"[]T a": {VerbUnknown, ""}, "g\xe5t a": {VerbUnknown, ""}, "frobnicate": {VerbUnknown, ""},
	} {
		c := ParseCommand([]byte(text))
		if c.Verb != want.verb || string(c.Name) != want.name || string(c.Text) != text {
			t.Errorf("%q became %v %q", text, c.Verb, c.Name)
		}
	}
}

func TestCommandsGoBothWays(t *testing.T) {
	for _, v := range []Verb{VerbGet, VerbPut, VerbList, VerbQuit} {
		for _, name := range []string{"", "a", "a b/c", strings.Repeat("n", CommandMax-5)} {
			wire, err := AppendCommand(nil, v, name)
			if err != nil {
				t.Fatal(err)
			}
			d := NewDecoder(Commands)
			ev, n := d.Next(wire)
			if ev.Kind != EventCommand || n != len(wire) {
				t.Fatalf("%q became %v", wire, ev)
			}
			if c := ParseCommand(ev.Data); c.Verb != v || string(c.Name) != name {
				t.Errorf("%v %q became %v %q", v, name, c.Verb, c.Name)
			}
		}
	}
	if _, err := AppendCommand(nil, VerbGet, strings.Repeat("n", CommandMax)); err == nil {
		t.Error("a command over the limit was encoded")
	}
	if _, err := AppendCommand(nil, VerbUnknown, ""); err == nil {
		t.Error("a command of nothing was encoded")
	}
}

func TestClassicLinesAreTakenApart(t *testing.T) {
	for line, want := range map[string]Command{
		"RETR a":         {Verb: VerbGet, Name: []byte("a")},
		"retr  a b":      {Verb: VerbGet, Name: []byte(" a b")},
		"GOODBYE SERVER": {Verb: VerbQuit}, "goodbye server": {Verb: VerbQuit},
		"RETR": {}, "RETR ": {}, "RETRa": {}, "GOODBYE": {},
		"GOODBYE SERVER ": {}, "": {}, "get a": {},
	} {
		got := ParseClassic([]byte(line))
		if got.Verb != want.Verb || string(got.Name) != string(want.Name) {
			t.Errorf("%q became %v %q", line, got.Verb, got.Name)
		}
	}
	if c := ParseClassic(AppendRetr(nil, "a b")[:8]); c.Verb != VerbGet || string(c.Name) != "a b" {
		t.Errorf("RETR became %v", c)
	}
	if c := ParseClassic(AppendGoodbye(nil)[:14]); c.Verb != VerbQuit {
		t.Errorf("GOODBYE SERVER became %v", c)
	}
}

func TestConnLinesGoBothWays(t *testing.T) {
	for _, port := range []uint16{1, 1024, 20020, 65535} {
		line := AppendConn(nil, port)
		if got, ok := ParseConn(line[:len(line)-1]); got != port || !ok {
			t.Errorf("%q became %d, %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"CONN", "CONN ", "CONN 0", "CONN 65536", "CONN 123456", "CONN -1",
		"conn 1", "CONN 1 ", "CONN x", "THANK YOU",
	} {
		if got, ok := ParseConn([]byte(line)); ok {
			t.Errorf("%q became %d", line, got)
		}
	}
}

func TestMessagesAreToTheLetter(t *testing.T) {
	const now = "2026-01-02 03:04:05"
	for want, got := range map[string][]byte{
		"500 frob: unknown command\n":     AppendUnknown(nil, []byte("frob it")),
		"500 ?[2J: unknown command\n":     AppendUnknown(nil, []byte("\x1b[2J")),
		"550 a b/c: no such folder\n":     AppendNoFolder(nil, []byte("a b/c")),
		"550 a?550 x: no such folder\n":   AppendNoFolder(nil, []byte("a\n550 x")),
		"x550 \xff\x7e: no such folder\n": AppendNoFolder([]byte("x"), []byte("\xff\x7e")),

		now + ": FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n": AppendNotFound(nil, now),

		now + ": UNKNOWN COMMAND\n": AppendClassicUnknown(nil, now),
		"CONN 20020\n":              AppendConn(nil, 20020),

		"THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED": []byte(ClassicThanks),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLegalityIsPinned holds both tables whole: a change of what is legal shows here.
func TestLegalityIsPinned(t *testing.T) {
	wantTable(t, false, `
idle: ask->asked quit->leaving end->over
asked: quit->leaving port->offered end->over
offered: quit->leaving connect->moving expire->idle end->over
moving: done->idle end->over
leaving: port->over end->over
over:
renaming:`)
	wantTable(t, true, `
idle: ask->asked quit->leaving end->over abort->idle
asked: port->offered end->over answer->idle pend->renaming abort->idle
offered: connect->moving expire->idle end->over abort->idle
moving: done->idle end->over abort->idle
leaving: end->over
over:
renaming: ask->asked quit->leaving end->over follow->asked abort->idle`)
}

func wantTable(t *testing.T, status bool, want string) {
	t.Helper()
	var got strings.Builder
	for s := Idle; s < stateCount; s++ {
		got.WriteString("\n" + s.String() + ":")
		for p := Ask; p < stepCount; p++ {
			e := Exchange{s, status}
			if e.Can(p) {
				e.Take(p)
				got.WriteString(" " + p.String() + "->" + e.State().String())
				continue
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("step %v in state %v passed", p, s)
					}
				}()
				e.Take(p)
			}()
		}
	}
	if got.String() != want {
		t.Errorf("the table is\n%s", got.String())
	}
}

func TestSessionsBeginInTheirTables(t *testing.T) {
	if e := NewExchange(); e.State() != Idle || e.Can(Answer) {
		t.Errorf("base begins %v", e)
	}
	if e := NewStatus(); e.State() != Idle || !e.Can(Abort) {
		t.Errorf("status begins %v", e)
	}
}
