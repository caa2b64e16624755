package fsio

import (
	"errors"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var (
	longPart  = strings.Repeat("x", NamePartMax)
	temporary = ".ferry-0123456789abcdef.tmp"
)

var nameTests = []struct {
	in, want string
	folder   bool
	err      *cause
	dotfiles bool
}{
	{in: "a", want: "a"},
	{in: "a b ", want: "a b "},
	{in: " ", want: " "},
	{in: "a/b", want: "a/b"},
	{in: "/a//b", want: "a/b"},
	{in: "///a", want: "a"},
	{in: "./a/./b", want: "a/b"},
	{in: "a/../b", want: "b"},
	{in: "a/b/../../c", want: "c"},
	{in: "a/b/..", want: "a", folder: true},
	{in: "a/", want: "a", folder: true},
	{in: "a//", want: "a", folder: true},
	{in: "a/.", want: "a", folder: true},
	{in: "", want: ""},
	{in: ".", want: ""},
	{in: "/", want: ""},
	{in: "a/..", want: ""},
	{in: "\xff\xfe", want: "\xff\xfe"},
	{in: `a\b`, want: `a\b`},
	{in: "...", err: errNameDot},
	{in: "...", want: "...", dotfiles: true},
	{in: "..a", want: "..a", dotfiles: true},
	{in: "..", err: errNameLeaves},
	{in: "/..", err: errNameLeaves},
	{in: "a/../..", err: errNameLeaves},
	{in: "../a", err: errNameLeaves},
	{in: "../root/a", err: errNameLeaves, dotfiles: true},
	{in: "a\x00", err: errNameControl},
	{in: "a\nb", err: errNameControl},
	{in: "a\x7f", err: errNameControl},
	{in: "a\x1f", err: errNameControl},
	{in: ".x", err: errNameDot},
	{in: "a/.x/b", err: errNameDot},
	{in: ".x/../a", want: "a"},
	{in: ".x", want: ".x", dotfiles: true},
	{in: temporary, err: errNameTemporary, dotfiles: true},
	{in: "a/" + temporary + "/b", err: errNameTemporary, dotfiles: true},
	{in: strings.ToUpper(temporary), err: errNameTemporary, dotfiles: true},
	{in: ".Ferry-Parts", err: errNameTemporary, dotfiles: true},
	{in: "a/.ferry-parts/b", err: errNameTemporary, dotfiles: true},
	{in: ".ferry-part", want: ".ferry-part", dotfiles: true},
	{in: ".ferry-0123456789abcdef.part.x", want: ".ferry-0123456789abcdef.part.x", dotfiles: true},
	{in: ".ferry-0123456789abcdeg.tmp", want: ".ferry-0123456789abcdeg.tmp", dotfiles: true},
	{in: longPart, want: longPart},
	{in: longPart + "x", err: errNamePart},
	{in: strings.Repeat("a/", 2047) + "ab", want: strings.Repeat("a/", 2047) + "ab"},
	{in: strings.Repeat("a/", 2047) + "abc", err: errNameLong},
}

func TestParseName(t *testing.T) {
	for _, c := range nameTests {
		p := Parser{Dotfiles: c.dotfiles}
		n, err := p.Parse([]byte(c.in))
		if c.err != nil {
			if !errors.Is(err, c.err) || KindOf(err) != KindBadName || n != (Name{}) {
				t.Errorf("%q: got %q, %v; want error %v", c.in, n, err, c.err)
			}
			continue
		}
		if err != nil || n.String() != c.want || n.folder != c.folder {
			t.Errorf("%q: got %q (folder %t), %v; want %q (%t)",
				c.in, n, n.folder, err, c.want, c.folder)
		}
		if n.IsRoot() != (c.want == "") {
			t.Errorf("%q: IsRoot is %t", c.in, n.IsRoot())
		}
	}
}

func TestNamesAreRelativeToTheirFolder(t *testing.T) {
	long := strings.Repeat("a/", 1500)
	for _, c := range []struct {
		folder, in, want string
		isFolder         bool
		err              *cause
	}{
		{folder: "a/b", in: "c", want: "a/b/c"},
		{folder: "a/b", in: "c/", want: "a/b/c", isFolder: true},
		{folder: "a/b", in: "", want: "a/b", isFolder: true},
		{folder: "a/b", in: ".", want: "a/b", isFolder: true},
		{folder: "a/b", in: "..", want: "a", isFolder: true},
		{folder: "a/b", in: "../c", want: "a/c"},
		{folder: "a/b", in: "../..", want: ""},
		{folder: "a/b", in: "../../c", want: "c"},
		{folder: "a/b", in: "../../..", err: errNameLeaves},
		{folder: "a/b", in: "c/../../../..", err: errNameLeaves},
		{folder: "a/b", in: "/c", want: "c"},
		{folder: "a/b", in: "//c", want: "c"},
		{folder: "a/b", in: "/", want: ""},
		{folder: "a/b", in: "/..", err: errNameLeaves},
		{folder: "a/b", in: ".x", err: errNameDot},
		{folder: "a/b", in: "c\x00", err: errNameControl},
		{folder: "", in: "c", want: "c"},
		{folder: "", in: "..", err: errNameLeaves},
		{
			folder: long, in: strings.Repeat("b/", 500),
			want: long + strings.Repeat("b/", 499) + "b", isFolder: true,
		},
		{folder: long, in: strings.Repeat("b/", 1500), err: errNameLong},
	} {
		p := Parser{}
		folder := must(p.Parse([]byte(c.folder)))
		n, err := p.ParseIn(folder, []byte(c.in))
		if c.err != nil {
			if !errors.Is(err, c.err) || n != (Name{}) {
				t.Errorf("%q in %q: got %q, %v; want %v", c.in, c.folder, n, err, c.err)
			}
			continue
		}
		if err != nil || n.String() != c.want || n.folder != c.isFolder {
			t.Errorf("%q in %q: got %q (folder %t), %v; want %q (%t)",
				c.in, c.folder, n, n.folder, err, c.want, c.isFolder)
		}
	}
}

// wantSafeName says what holds for every name that ParseName lets through.
func wantSafeName(t interface{ Fatalf(string, ...any) }, raw []byte, n Name, dotfiles bool) {
	text := n.String()
	if n.IsRoot() {
		return
	}
	if path.IsAbs(text) || path.Clean(text) != text || strings.HasPrefix(text, "..") &&
		(len(text) == 2 || text[2] == '/') {
		t.Fatalf("%q became %q, which is not clean or not beneath the root", raw, text)
	}
	if clean := path.Clean("/" + string(raw)); raw != nil && clean != "/"+text {
		t.Fatalf("%q became %q, path.Clean says %q", raw, text, clean)
	}
	for part := range strings.SplitSeq(text, "/") {
		if part == "" || part == "." || part == ".." || len(part) > 255 || IsReserved(part) ||
			strings.ContainsFunc(part, isControl) || part[0] == '.' && !dotfiles {
			t.Fatalf("%q became %q, which holds the part %q", raw, text, part)
		}
	}
	if z := n.Zero(); z[len(z)-1] != 0 || strings.Count(z, "\x00") != 1 {
		t.Fatalf("%q became %q, which does not end in its only NUL", raw, z)
	}
	parent, base := n.Split()
	if joined := parent.Join(base); joined.String() != text {
		t.Fatalf("%q: %q and %q join to %q", raw, parent, base, joined)
	}
}

func FuzzParseName(f *testing.F) {
	for _, seed := range []string{
		"", ".", "/", "a", "a/../b", "../a", "a/b/../../..", ".x", "a/", "\xff", "a\x00b",
		".ferry-0123456789abcdef.tmp", strings.Repeat("x", 256), strings.Repeat("a/", 2048) + "a",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, dotfiles bool) {
		p := Parser{Dotfiles: dotfiles}
		n, err := p.Parse(raw)
		if err != nil {
			if KindOf(err) != KindBadName {
				t.Fatal(err)
			}
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: error text %q", raw, err)
			}
			return
		}
		wantSafeName(t, raw, n, dotfiles)
		again, err := p.Parse([]byte(n.String()))
		if err != nil || again.String() != n.String() {
			t.Fatalf("%q became %q, and that %q, %v", raw, n, again, err)
		}
	})
}

// FuzzParseNameIn says that a name relative to a folder is the name of both, one after the other.
func FuzzParseNameIn(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "a"},
		{"a", ""},
		{"a/b", "../c"},
		{"a/b", "../../.."},
		{"a", "/b"},
		{"a/b", ".x"},
		{"a/b/", "./c//d/.."},
		{"a", ".ferry-0123456789abcdef.part"},
		{"\xff", "\xfe/"},
		{strings.Repeat("a/", 2000), strings.Repeat("b/", 100)},
		{"a", "b\x00"},
		{"a/..", ".."},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), false)
		f.Add([]byte(seed[0]), []byte(seed[1]), true)
	}
	f.Fuzz(func(t *testing.T, first, raw []byte, dotfiles bool) {
		p := Parser{Dotfiles: dotfiles}
		folder, err := p.Parse(first)
		if err != nil {
			return
		}
		n, err := p.ParseIn(folder, raw)
		whole := append([]byte("/"+folder.String()+"/"), raw...)
		if len(raw) > 0 && raw[0] == '/' {
			whole = raw
		}
		if err != nil {
			if KindOf(err) != KindBadName {
				t.Fatal(err)
			}
			if !utf8.ValidString(err.Error()) {
				t.Fatalf("%q: error text %q", raw, err)
			}
			if _, err := p.Parse(whole); err == nil {
				t.Fatalf("%q is a name, %q in %q is none", whole, raw, folder)
			}
			return
		}
		wantSafeName(t, nil, n, dotfiles)
		if len(whole) > NameMax {
			return // Too long before it was cleaned, and not after.
		}
		direct, err := p.Parse(whole)
		if err != nil || direct != n {
			t.Fatalf("%q in %q is %q; %q is %q, %v", raw, folder, n, whole, direct, err)
		}
	})
}

// TestNamesNeverLeaveTheRoot makes names of the parts that matter, and compares with a model.
func TestNamesNeverLeaveTheRoot(t *testing.T) {
	parts := rapid.SliceOf(rapid.SampledFrom(
		[]string{"a", "b", "..", ".", "", ".x", "\x01", temporary}))
	rapid.Check(t, func(t *rapid.T) {
		list, dotfiles := parts.Draw(t, "parts"), rapid.Bool().Draw(t, "dotfiles")
		raw := strings.Join(list, "/")
		ok := !strings.ContainsFunc(raw, isControl)
		var want []string
		for _, part := range list {
			switch part {
			case "", ".":
			case "..":
				if len(want) == 0 {
					ok = false
				} else {
					want = want[:len(want)-1]
				}
			default:
				want = append(want, part)
			}
		}
		for _, part := range want {
			ok = ok && !IsReserved(part) && (dotfiles || part[0] != '.')
		}
		n, cause := parseName(Name{}, []byte(raw), dotfiles)
		if (cause == nil) != ok || ok && n.String() != strings.Join(want, "/") {
			t.Fatalf("%q: got %q, %v; want %q, %t", raw, n, cause, want, ok)
		}
	})
}

func must(n Name, err error) Name {
	if err != nil {
		panic(err)
	}
	return n
}

func TestNamesTooLongWithTheirFolderAreNotListed(t *testing.T) {
	folder := must(Parser{}.Parse([]byte(strings.Repeat("x/", 2000))))
	for length, want := range map[int]bool{1: true, 96: true, 97: false, 255: false} {
		if got := (Parser{}).Lists(folder, strings.Repeat("y", length)); got != want {
			t.Errorf("%d bytes: %t", length, got)
		}
	}
	if !(Parser{}).Lists(Name{}, strings.Repeat("y", 255)) {
		t.Error("255 bytes in the root are not listed")
	}
}
