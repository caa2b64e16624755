package reactor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestHelloSwitchesTheFirstCommandOnly(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	c.ask("hello 1", 503, "hello")
	c.fetch("get a", []byte("abc"))
	c.bye()

	// In base it is a command like any that is none.
	for _, first := range []string{"hello", "hello 2", "hello  1", "hi", "stat a"} {
		b := ts.dial()
		word, _, _ := strings.Cut(first, " ")
		b.ask(first).wantRecord([]byte("500 " + word + ": unknown command\n"))
		b.ask("hello 1").wantRecord([]byte("500 hello: unknown command\n"))
		b.get("a", []byte("abc"))
		b.quit()
	}
}

func TestBaseKnowsNoCommandOfStatus(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	for _, command := range []string{
		"getpart 0 0 a", "newpart a", "stat a", "mkdir a", "rmdir a", "rm a", "rnfr a", "cd a",
		"pwd", "noop", "abor", "sum xxh3 a",
	} {
		word, _, _ := strings.Cut(command, " ")
		c.ask(command).wantRecord([]byte("500 " + word + ": unknown command\n"))
	}
	c.quit()
}

func TestWithoutKeyedPortsThereIsNoStatus(t *testing.T) {
	ts := serve(t, func(o *Options) { o.KeyedPorts.Count = 0 })
	c := ts.dial()
	c.ask("hello 1").wantRecord([]byte("500 hello: unknown command\n"))
	c.quit()
}

func TestHelloInAnyCutAndCase(t *testing.T) {
	ts := serve(t)
	c := &speaker{ts.dial()}
	check(t, c.SetNoDelay(true))
	for _, b := range framed("HELLO 1") {
		c.say(string(b))
	}
	c.want(200, "ferry/1 ")
	c.ask("noop", 200, "")
	c.bye()
}

func TestSwitchedOffFeaturesAreNeitherAnnouncedNorServed(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*Options)
		announced string
		denied    []string
		allowed   string
	}{
		"read-only": {
			func(o *Options) { o.ReadOnly = true }, "get ls stat sum",
			[]string{
				"put x", "newpart x", "mkdir x", "rmdir x", "rm x", "rnfr x",
				"droppart 0123456789abcdef", "putpart 0123456789abcdef 0 1",
				"partsum 0123456789abcdef xxh3", "partsize 0123456789abcdef",
			},
			"get a",
		},
		"upload-only": {
			func(o *Options) { o.UploadOnly = true }, "put parts replace mkdir",
			[]string{
				"get a", "getpart 0 0 a", "ls", "ls -l", "stat a", "sum xxh3 a",
				"sumpart xxh3 0 0 a", "partsum 0123456789abcdef xxh3", "rm a", "rmdir a", "rnfr a",
			},
			"put b",
		},
		"no-overwrite": {
			func(o *Options) { o.NoOverwrite = true },
			"get ls stat sum put parts partsum mkdir",
			[]string{"rm a", "rmdir a", "rnfr a"},
			"put b",
		},
		"no-sum": {
			func(o *Options) { o.NoSum = true }, "get ls stat put parts replace mkdir change",
			[]string{"sum xxh3 a", "sumpart xxh3 0 0 a", "partsum 0123456789abcdef xxh3"},
			"get a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ts := serve(t, c.change)
			ts.file("a", []byte("abc"))
			if got := ts.announced(t); got != c.announced {
				t.Errorf("announced is %q, want %q", got, c.announced)
			}
			s := ts.greet()
			for _, command := range c.denied {
				verb, _, _ := strings.Cut(command, " ")
				s.ask(command, 530, verb+": not allowed here (--"+name+")")
			}
			d := s.offered(c.allowed).take()
			check(t, d.Close())
			s.reply()
			s.bye()
		})
	}
}

func TestUploadOnlyShowsBaseNothing(t *testing.T) {
	ts := serve(t, func(o *Options) { o.UploadOnly = true })
	ts.file("a", []byte("abc"))
	c := ts.dial()
	c.get("a", nil)
	c.ask("ls").wantRecord([]byte("550 : no such folder\n"))
	c.put("b", "new")
	c.quit()
	ts.wantFile("b", []byte("new"))
}

func TestFilesAreFetchedAndStored(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	for _, n := range []int{0, 1, smallMax, smallMax + 1, 3 << 20} {
		content := pattern(n)
		name := fmt.Sprint("f", n)
		c.store(name, string(content))
		ts.wantFile(name, content)
		c.fetch("get "+name, content)
	}
	c.store("f1", "") // an empty record is a file of no bytes
	ts.wantFile("f1", nil)
	c.fetch("ls", []byte("f0\nf1\nf3145728\nf65536\nf65537\n"))
	c.bye()
}

func TestPiecesAreFetched(t *testing.T) {
	ts := serve(t)
	content := pattern(3 << 20)
	ts.file("a", content)
	c := ts.greet()
	for _, p := range []struct{ offset, length, want int }{
		{0, 0, 3 << 20},
		{1, 0, 3<<20 - 1},
		{5, 7, 7},
		{100, 65536, 65536},
		{100, 65537, 65537},
		{1 << 20, 2 << 20, 2 << 20},
		{3<<20 - 1, 9, 1},
		{3 << 20, 0, 0},
		{3 << 20, 5, 0},
	} {
		command := fmt.Sprintf("getpart %d %d a", p.offset, p.length)
		o := c.offered(command)
		if o.Size != int64(p.want) || o.Total != 3<<20 {
			t.Fatalf("%s announced %d of %d", command, o.Size, o.Total)
		}
		o.take().wantRecord(content[p.offset : p.offset+p.want])
		c.want(226, fmt.Sprint(p.want))
	}
	c.ask("getpart 3145729 0 a", 501, "a: the offset is beyond the end")
	c.bye()
}

// TestFilesTooLargeForAFieldComeInPieces uses a sparse file: only a piece of it is fetched.
func TestFilesTooLargeForAFieldComeInPieces(t *testing.T) {
	ts := serve(t)
	const size = 20_000_000_000
	f, err := os.Create(filepath.Join(ts.dir, "big"))
	check(t, err)
	_, err = f.WriteAt([]byte("end"), size-3)
	check(t, err)
	check(t, f.Close())
	c := ts.greet()
	c.ask("get big", 552, "big: too large for a field")
	c.ask("stat big", 213, "file 20000000000 ")
	if o := c.offered("getpart 0 0 big"); o.Size != 9_999_999_999 || o.Total != size {
		t.Fatalf("%d of %d were announced", o.Size, o.Total)
	}
	c.ask("abor", 426, "")
	c.want(226, "")
	o := c.offered(fmt.Sprintf("getpart %d 0 big", int64(size-3)))
	o.take().wantRecord([]byte("end"))
	c.want(226, "3")
	c.bye()
}

func TestFileCommands(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	at := time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC)
	check(t, os.Chtimes(filepath.Join(ts.dir, "a"), at, at))
	c := ts.greet()
	c.ask("pwd", 257, "/")
	c.ask("stat a", 213, "file 3 2026-01-02T03:04:05Z")
	c.ask("mkdir d", 250, "")
	c.ask("mkdir d/e", 250, "")
	c.ask("stat d", 213, "dir 0 ")
	c.ask("cd d", 250, "/d")
	c.ask("cd e", 250, "/d/e")
	c.ask("pwd", 257, "/d/e")
	c.store("b", "xyz")
	ts.wantFile("d/e/b", []byte("xyz"))
	c.fetch("get b", []byte("xyz"))
	c.fetch("get /a", []byte("abc"))
	c.fetch("ls", []byte("b\n"))
	c.fetch("ls ..", []byte("e/\n"))
	c.ask("cd /", 250, "/")
	c.fetch("ls", []byte("a\nd/\n"))
	o := c.offered("ls -l")
	d := o.take()
	got := make([]byte, o.Size+10)
	_, err := io.ReadFull(d, got)
	check(t, err)
	d.wantEOF()
	if want := "file\t3\t2026-01-02T03:04:05Z\ta\ndir\t0\t"; string(got[10:10+len(want)]) != want {
		t.Errorf("the listing is %q", got)
	}
	check(t, d.Close())
	c.want(226, "")
	c.ask("rnfr a", 350, "")
	c.ask("rnto d/c", 250, "")
	ts.wantFile("d/c", []byte("abc"))
	c.ask("rm d/c", 250, "")
	c.ask("rm d/e/b", 250, "")
	c.ask("rmdir d/e", 250, "")
	c.ask("rmdir d", 250, "")
	c.fetch("ls", nil)
	c.ask("noop", 200, "")
	c.bye()
	ts.wantSession(1, endQuit)
}

// TestErrorsHaveTheirCodes goes through everything that can be wrong with a command before a data
// connection is made.
func TestErrorsHaveTheirCodes(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	check(t, os.Mkdir(filepath.Join(ts.dir, "d"), 0o777))
	ts.file("d/x", nil)
	check(t, unix.Mkfifo(filepath.Join(ts.dir, "fifo"), 0o666))
	check(t, os.Symlink("/etc", filepath.Join(ts.dir, "out")))
	ts.file("no", nil)
	check(t, os.Chmod(filepath.Join(ts.dir, "no"), 0))
	c := ts.greet()
	for _, e := range []struct {
		command string
		code    int
		text    string
	}{
		{"frob", 500, "frob: unknown command"},
		{"", 0, ""},
		{"get", 501, "get: a name is missing"},
		{"getpart x 0 a", 501, ""},
		{"sum md5 a", 501, ""},
		{"putpart 1 0 0", 501, ""},
		{"quit now", 501, ""},
		{"rnto b", 503, "rnto: wrong order"},
		{"get missing", 550, "missing: no such file or directory"},
		{"get d", 550, "d: "},
		{"get fifo", 550, "fifo: "},
		{"get out/passwd", 550, "out/passwd: "},
		{"getpart 0 0 missing", 550, ""},
		{"get ../a", 553, "../a: leads out of the served root"},
		{"put ../a", 553, ""},
		{"put .hidden", 553, ""},
		{"mkdir .ferry-0123456789abcdef.tmp", 553, ""},
		{"get " + strings.Repeat("n", 256), 553, ""},
		{"ls missing", 550, "missing: "},
		{"ls a", 550, "a: "},
		{"ls -l missing", 550, "missing: "},
		{"stat missing", 550, ""},
		{"cd missing", 550, ""},
		{"cd a", 550, "a: not a folder"},
		{"mkdir a", 550, "a: "},
		{"mkdir missing/d", 550, ""},
		{"rmdir d", 550, "d: "},
		{"rmdir a", 550, ""},
		{"rmdir /", 550, ""},
		{"rm d", 550, ""},
		{"rm missing", 550, ""},
		{"rnfr missing", 550, ""},
	} {
		if e.code == 0 {
			continue
		}
		c.ask(e.command, e.code, e.text)
	}
	if os.Getuid() != 0 {
		c.ask("get no", 550, "no: permission denied")
	}
	c.ask("rnfr a", 350, "")
	c.ask("rnto d", 550, "d: ")
	c.ask("rnto b", 503, "") // the first half is needed anew
	c.ask("rnfr a", 350, "")
	c.ask("noop", 200, "")
	c.ask("rnto b", 503, "")
	c.ask("pwd", 257, "/")
	c.bye()
}

func TestAnswersNeverSplitALine(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	c.ask("get a\nb\x1b", 553, "a?b?: ")
	c.ask("fr\nob", 500, "fr?ob: unknown command")
	c.bye()
}

func TestAPutThatIsRefusedSaysWhy(t *testing.T) {
	ts := serve(t, func(o *Options) { o.NoOverwrite = true; o.Limits.UploadBytes = 1 << 20 })
	ts.file("old", []byte("old"))
	check(t, os.Mkdir(filepath.Join(ts.dir, "d"), 0o777))
	c := ts.greet()
	for name, e := range map[string]struct {
		upload string
		code   int
	}{
		"old":       {record("new"), 530},
		"d":         {record("new"), 550},
		"missing/x": {record("new"), 550},
		"big":       {framedSize(1<<20 + 1), 552},
		"broken":    {"what is this", 501},
		"cut":       {record("new")[:12], 426},
		"nothing":   {"", 426},
	} {
		d := c.offered("put " + name).take()
		d.say(e.upload)
		_ = d.CloseWrite() // the reset may have come before
		c.want(e.code, "")
		wantEnd(t, d.TCPConn, syscall.ECONNRESET)
		check(t, d.Close())
	}
	ts.wantFile("old", []byte("old"))
	ts.wantNoFile("cut")
	c.bye()
}

func framedSize(n int64) string { return fmt.Sprintf("%010d", n) }

func TestAPutEndsAtItsSize(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	d := c.offered("put a").take()
	d.say(record("abc") + "and more that nobody asked for")
	c.want(226, "3")
	check(t, d.Close())
	ts.wantFile("a", []byte("abc"))
	// Neither a further command nor the client's silence ends one that is not whole.
	d = c.offered("put b").take()
	d.say(record("abc")[:12])
	c.command("noop")
	d.say("c")
	c.want(226, "3")
	c.want(200, "")
	d.wantEOF()
	c.bye()
	ts.wantFile("b", []byte("abc"))
}

func TestAPutIsFinishedWithoutItsSession(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	d := c.offered("put a").take()
	d.say(record("abc")[:12])
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	d.say("c")
	d.wantEOF()
	check(t, d.Close())
	ts.wantFile("a", []byte("abc"))
}

func TestAResetOfAGetIsTold(t *testing.T) {
	ts := serve(t)
	ts.file("a", pattern(32<<20))
	c := ts.greet()
	d := c.offered("get a").take()
	reset(t, d.TCPConn)
	c.want(426, "the data connection was lost")
	c.ask("noop", 200, "")
	c.bye()
}

func TestAFileThatShrinksIsTold(t *testing.T) {
	ts := serve(t)
	for _, n := range []int{1000, 8 << 20} {
		ts.file("a", pattern(n))
		c := ts.greet()
		o := c.offered("get a")
		check(t, os.Truncate(filepath.Join(ts.dir, "a"), 10))
		wantResetWithin(t, o.take(), 100)
		c.want(451, "a: the file became shorter")
		c.bye()
	}
}

func TestCommandsSentAheadAreAnsweredInOrder(t *testing.T) {
	plainOnly(t) // a relay may read the replies too slowly
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	c.say(framed("noop") + framed("get a") + framed("stat a") + framed("get b") + framed("pwd"))
	c.want(200, "")
	c.wantOffer("get a").take().wantRecord([]byte("abc"))
	c.want(226, "3")
	c.want(213, "file 3 ")
	c.want(550, "b: ")
	c.want(257, "/")
	const many = 3000
	c.say(strings.Repeat(framed("noop"), many) + framed("quit") + framed("noop"))
	for range many {
		c.want(200, "")
	}
	c.want(221, "")
	c.wantEOF()
}

func TestTooMuchSentAheadEndsTheSession(t *testing.T) {
	ts := serve(t)
	ts.file("a", []byte("abc"))
	c := ts.greet()
	o := c.offered("get a")
	_, _ = c.Write([]byte(strings.Repeat(framed("noop"), 64<<10/14+2)))
	code := 0
	for code != 421 {
		code, _ = c.reply()
	}
	o.take().wantRecord([]byte("abc"))
	ts.wantSession(1, endFlood)
}

// TestRepliesThatNobodyReadsEndTheSession: what may wait for a client on control is bounded.
func TestRepliesThatNobodyReadsEndTheSession(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	many := []byte(strings.Repeat(framed("pwd")+framed("frobnicate"), 1000))
	for over := false; !over; {
		_, err := c.Write(many)
		over = err != nil
	}
	ts.wantSession(1, endFlood)
}

func TestViolationsAreTold(t *testing.T) {
	ts := serve(t)
	c := ts.greet()
	c.say("this is no field")
	c.want(501, "protocol error")
	c.wantEOF()
	ts.wantSession(1, endViolation)
}
