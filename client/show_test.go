package client

import "testing"

func TestTerminalEscapesAreEscaped(t *testing.T) {
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
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
