package shell

import (
	"fmt"
	"strings"
	"testing"

	"ferry/client"
)

func TestTargetIsParsed(t *testing.T) {
	for words, want := range map[string]string{
		"h 21": "h:21 []", "h:21": "h:21 []", "21": "localhost:21 []", "h 21 get a": "h:21 [get a]",
		"[::1]:21 ls": "[::1]:21 [ls]", "::1 21": "[::1]:21 []", "[::1] 21 x": "[::1]:21 [x]",
		"21 get a": "localhost:21 [get a]", "10 21": "10:21 []",
		"fe80::1%lo 21": "[fe80::1%lo]:21 []", "lab": "h:7 []", "lab get a": "h:7 [get a]",
		"lab 21": "lab:21 []", "far": "[::1]:7 []",
	} {
		s := Shell{Config: &Config{Bookmarks: map[string]string{
			"lab": "h:7", "far": "ferry://[::1]:7/a/",
		}}}
		to, rest, err := s.parseTarget(strings.Fields(words))
		if got := fmt.Sprint(to.addr, " ", rest); got != want || err != nil {
			t.Errorf("%q: %s, %v; want %s", words, got, err, want)
		}
	}
}

func TestHostAloneUsesStandardPort(t *testing.T) {
	for words, want := range map[string]string{
		"h": "h:20021 []", "h get a": "h:20021 [get a]", "h 21 get a": "h:21 [get a]",
		"h:21 get a": "h:21 [get a]", "21": "localhost:21 []", "::1 get a": "[::1]:20021 [get a]",
		"[::1] get 7": "[::1]:20021 [get 7]", "::1 21": "[::1]:21 []",
		"fe80::1%lo": "[fe80::1%lo]:20021 []", "h:ftp": "", "h:0": "", "[]": "",
	} {
		addr, rest, err := parseAddr(strings.Fields(words), client.ClassicPort)
		if got := fmt.Sprint(addr, " ", rest); want != "" && (got != want || err != nil) {
			t.Errorf("%q: %s, %v; want %s", words, got, err, want)
		}
		if want == "" && err == nil {
			t.Errorf("%q was taken for %s", words, addr)
		}
	}
	if _, _, err := parseAddr([]string{"h", "get", "a"}, 0); err == nil {
		t.Error("a host alone was taken without a standard port")
	}
}

func TestInvalidServerIsExplained(t *testing.T) {
	const forms = " has no port, and is no bookmark; a server is HOST PORT, HOST:PORT, " +
		"PORT on this machine, or ferry://HOST:PORT/PATH"
	const port = ": no port; one is a number from 1 to 65535"
	for words, want := range map[string]string{
		"lab": `"lab"` + forms, "h ftp": `"ftp"` + port, "h 70000": `"70000"` + port,
		"h:ftp": `"ftp"` + port, "99999": `"99999"` + port, "h:21/a": `"21/a"` + port,
		"::1":    `"::1"` + forms,
		"GET a":  "GET: a server goes before it, as in ferry HOST PORT GET",
		"h ls a": `"h"` + forms, "h -q ls": `"-q"` + port,
		"kept":  "kept: this needs no server; use ferry -e kept",
		"lls a": `lls: this needs no server; use ferry -e "lls a"`,
	} {
		_, _, err := new(Shell).parseTarget(strings.Fields(words))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", words, err, want)
		}
	}
}

func TestURLIsParsed(t *testing.T) {
	for text, want := range map[string]target{
		"ferry://h:21":                {server: server{addr: "h:21"}},
		"FERRY://h:21/":               {server: server{addr: "h:21"}},
		"ferry://h:21/a/b":            {server: server{addr: "h:21"}, file: "a/b"},
		"ferry://h:21/a/b/":           {server: server{addr: "h:21"}, folder: "a/b"},
		"ferry://[::1]:21/the%20a":    {server: server{addr: "[::1]:21"}, file: "the a"},
		"ferry://h:21/100%25/%3F%23x": {server: server{addr: "h:21"}, file: "100%/?#x"},
		"ferry://h:21//a":             {server: server{addr: "h:21"}, file: "/a"},
		"ferry://ann@h:21/a":          {server: server{addr: "h:21", user: "ann"}, file: "a"},
		"Ferrys://a%40b@h:21/":        {server: server{addr: "h:21", user: "a@b", tls: true}},
	} {
		if got, err := parseURL(text, 0); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"ferry://", "ferry://h", "ferry://h:0/", "ferry://:21/", "ferry://@h:21/",
		"ferry://h:ftp/", "ferrys://u:p@h:21/", "ferry://u:@h:21/",
		"ferry://h:21/a?b", "ferry://h:21/a#b", "ferry://h:21/%zz", "ferry://h:70000/",
	} {
		if got, err := parseURL(text, 0); err == nil {
			t.Errorf("%s was taken for %+v", text, got)
		}
	}
	if got, err := parseURL("ferry://h/a", 20021); err != nil || got.addr != "h:20021" {
		t.Errorf("with a standard port: %+v, %v", got, err)
	}
}

func TestUserStandsBeforeHost(t *testing.T) {
	s := Shell{
		Security: Security{User: "bob"},
		Config:   &Config{Bookmarks: map[string]string{"lab": "ferrys://ann@h:7/a/", "own": "h:7"}},
	}
	for words, want := range map[string]server{
		"ann@h 21": {addr: "h:21", user: "ann"}, "a@b@[::1]:21": {addr: "[::1]:21", user: "a@b"},
		"ann@21": {addr: "localhost:21", user: "ann"}, "h:21": {addr: "h:21", user: "bob"},
		"lab": {addr: "h:7", user: "ann", tls: true}, "own": {addr: "h:7", user: "bob"},
	} {
		to, _, err := s.parseTarget(strings.Fields(words))
		if err != nil || to.server != want {
			t.Errorf("%s: %+v, %v; want %+v", words, to.server, err, want)
		}
	}
	for _, words := range []string{
		"ann:secret@h 21", "ferrys://ann:secret@h:21/", "@h:21", "ann@h",
	} {
		_, _, err := s.parseTarget(strings.Fields(words))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", words, err)
		}
	}
	s.Options.Exchange = client.Classic
	for _, words := range []string{"ann@h:21", "ferrys://h:21/"} {
		if _, _, err := s.parseTarget(strings.Fields(words)); err == nil {
			t.Errorf("%s was taken in the classic exchange", words)
		}
	}
	if to, _, err := s.parseTarget([]string{"h:21"}); err != nil || to.user != "" {
		t.Errorf("classic logs in as %q, %v", to.user, err)
	}
}

// FuzzTarget holds that whatever is taken for a server has a port, that folders have no slash at
// their ends, and that a bookmark leads to the same place.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{
		"ferry://h:21/a/b/", "ferry://[::1]:21", "h:21", "[::1]:21", "FERRY://x:1/%41%00", "21",
		"ferrys://a%40%3a@h:1/b/", "a@b@h:1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		to, _, err := parseWords([]string{text}, 0)
		if err != nil {
			return
		}
		_, port, found := cutLast(to.addr, ":")
		if !found || !IsPort(port) {
			t.Errorf("%q: the address %q has no port", text, to.addr)
		}
		if strings.HasPrefix(to.folder, "/") || strings.HasSuffix(to.folder, "/") {
			t.Errorf("%q: the folder is %q", text, to.folder)
		}
		if to.file != "" && strings.HasSuffix(to.file, "/") {
			t.Errorf("%q: the file is %q", text, to.file)
		}
		to.file = ""
		place := to.place(to.folder)
		if checkBookmark("name", place) != nil {
			return // its host is none
		}
		if again, _, _ := parseWords(strings.Fields(place), 0); again != to {
			t.Errorf("%q is %+v, and its bookmark %q is %+v", text, to, place, again)
		}
	})
}

func cutLast(text, sep string) (before, after string, found bool) {
	at := strings.LastIndex(text, sep)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(sep):], true
}
