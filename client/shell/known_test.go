package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/client"
)

var (
	onePrint   = client.Fingerprint{1}
	otherPrint = client.Fingerprint{2}
)

func TestKnownServersAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ferry")
	s := Shell{Security: Security{KnownHosts: filepath.Join(dir, "known_hosts")}}
	want := func(addr string, sum client.Fingerprint, where string) {
		t.Helper()
		pin, err := s.pinOf(addr)
		if err != nil || (pin == nil) != (where == "") ||
			pin != nil && *pin != (client.Pin{Fingerprint: sum, Where: s.KnownHosts + where}) {
			t.Errorf("%s: %v, %v", addr, pin, err)
		}
	}
	want("h:1", onePrint, "")
	if err := s.keepPin("H:1", onePrint); err != nil {
		t.Fatal(err)
	}
	want("h:1", onePrint, ":1")
	want("h:2", onePrint, "")
	info, err := os.Stat(s.KnownHosts)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// What others have written stays, and a line of another program counts.
	text := "# mine\n\n[::1]:2 " + strings.ToUpper(otherPrint.String())
	if err := os.WriteFile(s.KnownHosts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.keepPin("h:1", onePrint); err != nil {
		t.Fatal(err)
	}
	want("[::1]:2", otherPrint, ":3")
	want("h:1", onePrint, ":4")
	// Nothing is replaced.
	if err := s.keepPin("h:1", otherPrint); err == nil {
		t.Error("another certificate was kept")
	}
	want("h:1", onePrint, ":4")
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("%d files are left", len(files))
	}
}

func TestBrokenFileOfKnownServersTrustsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	s := Shell{Security: Security{KnownHosts: path}}
	good := "h:1 " + onePrint.String() + "\n"
	for _, bad := range []string{
		"h:2\n", "h:2 12\n", "h:2 " + onePrint.String() + " x\n", good,
		strings.Replace(good, "01", "0x", 1),
	} {
		if err := os.WriteFile(path, []byte(good+bad), 0o600); err != nil {
			t.Fatal(err)
		}
		pin, err := s.pinOf("h:1")
		if pin != nil || err == nil || !strings.HasPrefix(err.Error(), path+":2: ") {
			t.Errorf("%q: %v, %v", bad, pin, err)
		}
		if err := s.keepPin("h:3", onePrint); err == nil {
			t.Errorf("%q was added to", bad)
		}
	}
}

// FuzzKnown holds that a file that can be read keeps what it says when a server is added, and that
// the one that is added is found.
func FuzzKnown(f *testing.F) {
	f.Add("# mine\nh:1 "+onePrint.String()+"\n", "[::1]:2")
	f.Add("h:1\r\n", "h:1")
	f.Fuzz(func(t *testing.T, text, addr string) {
		before, err := parseKnown("f", text)
		if err != nil || strings.ContainsAny(addr, "#\x00") || len(strings.Fields(addr)) != 1 ||
			strings.TrimSpace(addr) != addr {
			return
		}
		s := Shell{Security: Security{KnownHosts: filepath.Join(t.TempDir(), "f")}}
		if err := os.WriteFile(s.KnownHosts, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		was, err := s.pinOf(addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.keepPin(addr, onePrint); (err == nil) != (was == nil) {
			t.Errorf("%q: %v is kept, %v", text, was, err)
		}
		if was == nil {
			before[strings.ToLower(addr)] = client.Pin{Fingerprint: onePrint}
		}
		for of, want := range before {
			pin, err := s.pinOf(of)
			if err != nil || pin == nil || pin.Fingerprint != want.Fingerprint {
				t.Errorf("%q with %q: %s is %v, %v", text, addr, of, pin, err)
			}
		}
	})
}
