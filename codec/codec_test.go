package codec

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

func TestConstantsArePinned(t *testing.T) {
	for name, c := range map[string][2]int64{
		"FieldSize":  {FieldSize, 10},
		"FieldMax":   {FieldMax, 9_999_999_999},
		"CommandMax": {CommandMax, 4096},
		"ReplyMax":   {ReplyMax, 8192},
		"KeySize":    {KeySize, 16},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %d, want %d", name, c[0], c[1])
		}
	}
	// Every idle session holds a decoder.
	if size := unsafe.Sizeof(Decoder{}); size > 64 {
		t.Errorf("a decoder has %d bytes, want at most 64", size)
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

func TestInvalidFieldsAreLocated(t *testing.T) {
	for text, offset := range map[string]int64{
		"": 0, "1": 1, "123456789": 9, "12345678901": 10, "          ": 9, "-000000001": 0,
		"+000000001": 0, "00000000x1": 8, "1 1       ": 2, "\t000000001": 0, "000000001\n": 9,
		" \x00        ": 1, "0x00000010": 1, "１００": 0,
	} {
		n, err := ParseField([]byte(text))
		var pe *ProtocolError
		if !errors.As(err, &pe) || pe.Offset != offset || n != 0 {
			t.Errorf("%q became %d, %v; want an error at byte %d", text, n, err, offset)
		}
	}
}

func TestNumbersOutsideFieldPanic(t *testing.T) {
	for _, n := range []int64{-1, FieldMax + 1} {
		wantPanic(t, func() { AppendField(nil, n) })
	}
}

func wantPanic(t *testing.T, call func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	call()
}

func TestAppendCommandChecksLength(t *testing.T) {
	longest := strings.Repeat("n", CommandMax-len("get "))
	if wire, err := AppendCommand(nil, VerbGet, longest); err != nil ||
		string(wire) != f(CommandMax)+"get "+longest {
		t.Errorf("the longest command became %d bytes, %v", len(wire), err)
	}
	if _, err := AppendCommand(nil, VerbGet, longest+"n"); err == nil {
		t.Error("a command above the limit was encoded")
	}
	if _, err := AppendCommand(nil, VerbUnknown, ""); err == nil {
		t.Error("an empty command was encoded")
	}
}

func TestBaseAndClassicTextsArePinned(t *testing.T) {
	const now = "2026-01-02 03:04:05"
	for want, got := range map[string][]byte{
		"500 frob: unknown command\n":     AppendUnknown(nil, []byte("frob it")),
		"500 ?[2J: unknown command\n":     AppendUnknown(nil, []byte("\x1b[2J")),
		"550 a b/c: no such folder\n":     AppendNoFolder(nil, []byte("a b/c")),
		"550 a?550 x: no such folder\n":   AppendNoFolder(nil, []byte("a\n550 x")),
		"x550 \xff\x7e: no such folder\n": AppendNoFolder([]byte("x"), []byte("\xff\x7e")),

		now + ": FILE NOT FOUND AT CURRENT WORKING DIRECTORY\n": AppendNotFound(nil, now),

		now + ": UNKNOWN COMMAND\n": AppendClassicUnknown(nil, now),
		"RETR a b\n":                AppendRetr(nil, "a b"),
		"GOODBYE SERVER\n":          AppendGoodbye(nil),
		"CONN 20020\n":              AppendConn(nil, 20020),

		"THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED": []byte(ClassicThanks),
	} {
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPrintableEscapesTerminalControl(t *testing.T) {
	for text, want := range map[string]string{
		"plain ü 文 👩‍🔬":   "plain ü 文 👩‍🔬",
		"\x1b[2Jx":        `\x1b[2Jx`,
		"a\tb\r\nc\x7f":   `a\tb\r\nc\x7f`,
		"\xff\x9bA":       `\xff\x9bA`,
		"\u009b31m":       `\u009b31m`,
		"a\u202egnp.exe":  `a\u202egnp.exe`,
		"a\u2028b\u2066c": `a\u2028b\u2066c`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q became %s, want %s", text, got, want)
		}
	}
}

func TestClassicPortsGoBothWays(t *testing.T) {
	if got := DefaultClassicPorts().String(); got != "20021,20020,20023" {
		t.Errorf("the default is %s", got)
	}
	for text, want := range map[string]ClassicPorts{
		"20021,20020,20023": DefaultClassicPorts(), "0,0,65535": {0, 0, 65535},
	} {
		var got ClassicPorts
		if err := got.Set(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1,2", "1,2,3,4", "1,2,65536", "1,2,x", "1, 2,3", "-1,2,3"} {
		var got ClassicPorts
		if err := got.Set(text); err == nil || got != (ClassicPorts{}) {
			t.Errorf("%s became %v, %v", text, got, err)
		}
	}
}
