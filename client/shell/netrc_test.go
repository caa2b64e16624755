package shell

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestNetrcIsParsed(t *testing.T) {
	for text, want := range map[string][]netrcEntry{
		"":                                    nil,
		"machine h login ann password pencil": {{"h", "ann", "pencil"}},
		"# machine x\nmachine h\n\tlogin ann\n\taccount none\n\tpassword pencil\n" +
			"machine i login bob\ndefault login anonymous password a@b\n": {
			{"h", "ann", "pencil"}, {"i", "bob", ""}, {"", "anonymous", "a@b"},
		},
		`machine h login "a b" password "a \"b\" \\ \tc#"`: {{"h", "a b", "a \"b\" \\ \tc#"}},
		"machine h login ann password a#b # not this\r\n":  {{"h", "ann", "a#b"}},
		"machine h password pencil login ann\nmacdef init\ncd x\nmachine y login z\n\n" +
			"machine i login bob": {
			{"h", "ann", "pencil"}, {"i", "bob", ""},
		},
		"machine machine login login password password": {{"machine", "login", "password"}},
		"machine h frob login ann":                      {{"h", "ann", ""}},
	} {
		if got, err := parseNetrc(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"machine":                     errNetrcWord,
		"machine h login":             errNetrcWord,
		"login ann":                   errNetrcOrder,
		`machine h password "pencil`:  errNetrcQuote,
		`machine h password "pencil\`: errNetrcQuote,
	} {
		if got, err := parseNetrc(text); !errors.Is(err, want) {
			t.Errorf("%q: %q, %v; want %v", text, got, err, want)
		}
	}
}

func TestNetrcEntryIsForHostAndUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netrc")
	text := "machine h login ann password 1\nmachine h login bob password 2\n" +
		"machine any password 3\ndefault login guest password 4\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for of, want := range map[[2]string]netrcEntry{
		{"h", ""}: {"h", "ann", "1"}, {"H", "bob"}: {"h", "bob", "2"},
		{"any", "carl"}: {"any", "", "3"}, {"other", ""}: {"", "guest", "4"},
		{"h", "guest"}: {"", "guest", "4"}, {"h", "dora"}: {},
	} {
		if got, err := fromNetrc(path, of[0], of[1]); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", of, got, err, want)
		}
	}
	if got, err := fromNetrc(path+"x", "h", ""); err != nil || got != (netrcEntry{}) {
		t.Errorf("no file: %q, %v", got, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for mode, refused := range map[os.FileMode]bool{0o640: true, 0o604: true, 0o400: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := fromNetrc(path, "h", "ann"); errors.Is(err, errNetrcMode) != refused {
			t.Errorf("mode %v: %v", mode, err)
		}
		// What has no password to hide may be read.
		if _, err := fromNetrc(path, "h", "dora"); err != nil {
			t.Error(err)
		}
	}
}

// FuzzNetrc holds that a written entry is read as it was, whatever precedes it in quotes, and that
// what is read has no words that were not there.
func FuzzNetrc(f *testing.F) {
	f.Add("machine h login ann password pencil", "a b", `"\`)
	f.Add("macdef x\ny\n\ndefault login z", "#", "\n\r\t")
	f.Add(`machine "a\nb" account c`, "machine", "")
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	f.Fuzz(func(t *testing.T, text, login, password string) {
		before, err := parseNetrc(text)
		for _, e := range before {
			for _, word := range []string{e.machine, e.login, e.password} {
				if len(word) > len(text) {
					t.Errorf("%q became %q", text, word)
				}
			}
		}
		if err != nil {
			return
		}
		// The empty line ends a macro.
		all, err := parseNetrc(text + "\n\nmachine new login \"" + quote.Replace(login) +
			"\" password \"" + quote.Replace(password) + "\"\n")
		want := append(before, netrcEntry{"new", login, password})
		if err != nil || !slices.Equal(all, want) {
			t.Errorf("%q: %q, %v; want %q", text, all, err, want)
		}
	})
}
