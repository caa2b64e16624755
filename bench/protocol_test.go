package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// spoken is a small plan in another protocol than base.
func spoken(t *testing.T, site string) Plan {
	t.Helper()
	p := small("127.0.0.1:1")
	s, err := ParseSite(site)
	if err != nil {
		t.Fatal(err)
	}
	p.Sites, p.Scenario.Lists = []Site{s}, 1
	return p
}

func TestEveryProtocolDoesTheSameWork(t *testing.T) {
	for name, site := range map[string]func(t *testing.T) string{
		"ftp": func(t *testing.T) string {
			return "ftp://" + startFakeFTP(t, nil).listener.Addr().String() + "/in"
		},
		"http": func(t *testing.T) string {
			return "http://" + startFakeHTTP(t, false) + "/in"
		},
		"http that closes": func(t *testing.T) string {
			return "http://" + startFakeHTTP(t, true) + "/in"
		},
		"http-new": func(t *testing.T) string {
			return "http-new://" + startFakeHTTP(t, false) + "/in"
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := spoken(t, site(t))
			turn := mustRun(t, p)
			wantNoErrors(t, turn)
			for _, kind := range []Kind{KindGet, KindPut, KindList} {
				if turn.Kinds[kind] == nil {
					t.Errorf("no %s was made", kind)
				}
			}
			if got := turn.jobs().Count; got != 200 {
				t.Errorf("%d transfers, not 200", got)
			}
		})
	}
}

func TestFTPSessionsAreReusedUnlessChurn(t *testing.T) {
	f := startFakeFTP(t, nil)
	p := spoken(t, "ftp://"+f.listener.Addr().String())
	turn := mustRun(t, p)
	wantNoErrors(t, turn)
	// The clients, and those that put the files.
	if n := f.loggedIn(); n > 8+seedClients {
		t.Errorf("%d logins of 8 clients", n)
	}
	p.Scenario.Churn = true
	turn = mustRun(t, p)
	wantNoErrors(t, turn)
	if n := turn.Tally(KindConnect).Count; n != 200 || f.loggedIn() < 200 {
		t.Errorf("%d connects and %d logins for 200 transfers", n, f.loggedIn())
	}
}

func TestErrorsQuoteTheServer(t *testing.T) {
	f := startFakeFTP(t, func(f *fakeFTP) { f.refuses = "550 not today" })
	p := spoken(t, "ftp://"+f.listener.Addr().String())
	p.Scenario.Puts, p.Scenario.Lists, p.Transfers = 0, 0, 4
	p.Scenario.Sizes = []int64{100}
	turn := mustRun(t, p)
	if len(turn.Errors) != 1 || !strings.Contains(turn.Errors[0].First, "550 not today") {
		t.Errorf("errors %+v", turn.Errors)
	}
	f = startFakeFTP(t, func(f *fakeFTP) { f.cut = true })
	p.Sites[0].Address = f.listener.Addr().String()
	if turn = mustRun(t, p); len(turn.Errors) == 0 || turn.Errors[0].Kind != "mismatch" {
		t.Errorf("files that were cut: %+v", turn.Errors)
	}
}

func TestFTPReplies(t *testing.T) {
	for _, c := range []struct {
		in   string
		code int
		used int
	}{
		{"220 hello\r\n", 220, 11},
		{"220 hello\n", 220, 10},
		{"220 hello", 0, 0},
		{"226\r\nrest", 226, 5},
		{"150 one\r\n226 two\r\n", 150, 9},
		{"230-a\r\n 230 b\r\n230-c\r\n230 d\r\n", 230, 29},
		{"230-a\r\n231 b\r\n", 0, 0},
		{"hello\r\n", -1, 7},
		{"", 0, 0},
	} {
		code, _, used := ftpReply([]byte(c.in))
		if code != c.code || used != c.used {
			t.Errorf("%q: code %d, %d bytes; not %d, %d", c.in, code, used, c.code, c.used)
		}
	}
	for text, want := range map[string]int64{
		"229 Entering (|||6446|)": 6446,
		"229 Entering (|||x|)":    -1,
		"229 Entering":            -1,
	} {
		if got := passivePort([]byte(text)); got != want {
			t.Errorf("%q: port %d, not %d", text, got, want)
		}
	}
}

func TestParseSite(t *testing.T) {
	for text, want := range map[string]Site{
		"localhost:2121": {Name: "base", Proto: "base", Address: "localhost:2121"},
		"mine=[::1]:21":  {Name: "mine", Proto: "base", Address: "[::1]:21"},
		"v=ftp://u:p@127.0.0.1:21/a/b?pid=7": {
			Name: "v", Proto: "ftp", Address: "127.0.0.1:21", Folder: "a/b/", User: "u",
			Password: "p", PID: 7,
		},
		"http-new://h:80/": {Name: "http-new", Proto: "http-new", Address: "h:80"},
	} {
		if got, err := ParseSite(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v; not %+v", text, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "localhost", "gopher://h:70", "a=ftp://h", "ftp://h:0", "ftp://h:99999",
		"ftp://h:1?pid=x",
	} {
		if got, err := ParseSite(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// TestHTTPAnswerInPieces holds that an answer whose head and body come in any pieces is
// the same answer.
func TestHTTPAnswerInPieces(t *testing.T) {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello")
	for cut := range len(answer) {
		w := &web{host: "h", folder: "/"}
		tk := &session{protocol: w}
		tk.take(job{kind: KindList})
		if err := w.start(tk); err != nil {
			t.Fatal(err)
		}
		in := bytes.Clone(answer[:cut])
		for _, more := range [][]byte{answer[cut:], nil} {
			used, err := w.control(tk, in)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			in = append(in[used:], more...)
		}
		if tk.wait != waitNothing || tk.in.got != 5 || tk.over || len(in) > 0 {
			t.Errorf("cut at %d: waits for %d, got %d, over %v, %d left", cut, tk.wait, tk.in.got,
				tk.over, len(in))
		}
	}
}

// TestSilentServerTimesOut holds the timeout: an FTP server that never
// greets.
func TestSilentServerTimesOut(t *testing.T) {
	f := startFakeHTTP(t, false) // waits for a request and sends no greeting
	p := spoken(t, "ftp://"+f)
	p.Scenario.Gets, p.Scenario.Lists, p.Timeout = 0, 0, 50*time.Millisecond
	p.Transfers, p.Clients = 1, []int{1}
	turn := mustRun(t, p)
	if len(turn.Errors) != 1 || turn.Errors[0].Kind != "connection lost" {
		t.Errorf("errors %+v", turn.Errors)
	}
}
