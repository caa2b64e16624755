package ftp

import (
	"bytes"
	"strings"
	"testing"
)

type converter interface {
	Convert(dst, src []byte) (written, taken int)
}

// convert runs a converter over pieces with an output of size bytes.
func convert(t *testing.T, c converter, size int, pieces ...[]byte) string {
	t.Helper()
	var out []byte
	for _, src := range pieces {
		for len(src) > 0 {
			dst := bytes.Repeat([]byte{'#'}, size+1)
			written, taken := c.Convert(dst[:size:size], src)
			stuck := written == 0 && taken == 0
			if stuck || written > size || taken > len(src) || dst[size] != '#' {
				t.Fatalf("%q into %d: %d written, %d taken", src, size, written, taken)
			}
			out = append(out, dst[:written]...)
			src = src[taken:]
		}
	}
	if w, ok := c.(*FromWire); ok && w.End() {
		out = append(out, '\r')
	}
	return string(out)
}

func TestLineEndsAreConverted(t *testing.T) {
	for file, wire := range map[string]string{
		"": "", "a": "a", "\n": "\r\n", "a\nb\n": "a\r\nb\r\n", "\n\n": "\r\n\r\n", "a\r": "a\r",
		"a\rb\r\rc": "a\rb\r\rc", "\x00\xff\n": "\x00\xff\r\n",
	} {
		checkCuts(t, func() converter { return new(ToWire) }, file, wire)
		checkCuts(t, func() converter { return new(FromWire) }, wire, file)
	}
	// These do not come back as they were.
	for file, wire := range map[string]string{
		"a\r\nb": "a\r\nb", "\r\r\n\n": "\r\r\n\r\n", "a\r\n\r\n": "a\r\n\r\n",
	} {
		checkCuts(t, func() converter { return new(ToWire) }, file, wire)
	}
	for wire, file := range map[string]string{
		"a\nb": "a\nb", "\r\r\n": "\r\n", "\r\r": "\r\r", "\n\r": "\n\r", "\r\n\r": "\n\r",
	} {
		checkCuts(t, func() converter { return new(FromWire) }, wire, file)
	}
}

func checkCuts(t *testing.T, fresh func() converter, in, want string) {
	t.Helper()
	b := []byte(in)
	for size := 1; size <= len(b)*2+1; size++ {
		for i := range len(b) + 1 {
			if got := convert(t, fresh(), size, b[:i], b[i:]); got != want {
				t.Errorf("%T: %q cut at %d into %d: %q, want %q", fresh(), in, i, size, got, want)
			}
		}
		if got := convert(t, fresh(), size, bytes.SplitAfter(b, nil)...); got != want {
			t.Errorf("%T: %q bytewise into %d: %q, want %q", fresh(), in, size, got, want)
		}
	}
}

func TestConvertTakesAllThatFits(t *testing.T) {
	src := []byte(strings.Repeat("line\n", 100))
	dst := make([]byte, 2*len(src))
	if written, taken := new(ToWire).Convert(dst, src); taken != len(src) || written != 600 {
		t.Errorf("%d written, %d taken", written, taken)
	}
	var w FromWire
	w.Convert(nil, nil)
	if written, taken := w.Convert(dst[:600], dst[:600]); taken != 600 || written != 500 {
		t.Errorf("%d written, %d taken", written, taken)
	}
}

// FuzzASCII holds both converters against replacements in the whole, for any cut and output size.
func FuzzASCII(f *testing.F) {
	f.Add([]byte("a\nb\r\nc\r"), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, cut, size uint8) {
		i, n := min(int(cut), len(in)), int(size)+1
		toWire := strings.ReplaceAll(strings.ReplaceAll(string(in), "\r\n", "\n"), "\n", "\r\n")
		fromWire := strings.ReplaceAll(string(in), "\r\n", "\n")
		if got := convert(t, new(ToWire), n, in[:i], in[i:]); got != toWire {
			t.Fatalf("to the wire %q: %q, want %q", in, got, toWire)
		}
		if got := convert(t, new(FromWire), n, in[:i], in[i:]); got != fromWire {
			t.Fatalf("from the wire %q: %q, want %q", in, got, fromWire)
		}
	})
}
