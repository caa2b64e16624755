package reactor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/loop"
)

// eachWay runs a test with what Linux has and with what other systems have.
func eachWay(t *testing.T, test func(t *testing.T, way func(*Options))) {
	t.Helper()
	for _, portable := range []bool{false, true} {
		t.Run(fmt.Sprintf("portable=%v", portable), func(t *testing.T) {
			test(t, func(o *Options) { o.Portable = portable })
		})
	}
}

func TestGetSendsWhatIsThere(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		c := ts.dial()
		for _, size := range []int{
			0, 1, 4096, smallMax - 1, smallMax, smallMax + 1,
			quantum, 3*quantum + 7,
		} {
			content := pattern(size)
			ts.file("file", content)
			c.get("file", content)
		}
		c.quit()
	})
}

// A file that the kernel does not have in memory is opened and read by the pool.
func TestColdFileIsReadByThePool(t *testing.T) {
	var asked atomic.Int64
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if (op == fsio.OpRead || op == fsio.OpOpen) && fromMemory() {
				asked.Add(1)
				return fsio.ErrWouldBlock
			}
			return nil
		})
	})
	c := ts.dial()
	for _, size := range []int{1, smallMax, smallMax + 1, 2*quantum + 5} {
		content := pattern(size)
		ts.file("file", content)
		c.get("file", content)
	}
	least := int64(4 + 2) // every file is opened, a small one read
	if havePlainSendfile {
		least += 1 + 3 // and every quantum of a large one is looked for
	}
	if n := asked.Load(); n < least {
		t.Errorf("memory was asked %d times", n)
	}
	c.quit()
}

// fromMemory says whether a call that must not wait for a disk is under way on this goroutine.
func fromMemory() bool {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "Cached") {
			return true
		}
		if !more {
			return false
		}
	}
}

func TestGetOfFolderFIFODeviceSendsNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		check(t, os.Mkdir(filepath.Join(ts.dir, "folder"), 0o777))
		check(t, syscall.Mkfifo(filepath.Join(ts.dir, "fifo"), 0o666))
		check(t, os.Symlink("/dev/zero", filepath.Join(ts.dir, "device")))
		check(t, os.Symlink("/etc/passwd", filepath.Join(ts.dir, "outside")))
		socket, err := net.Listen("unix", filepath.Join(ts.dir, "socket"))
		check(t, err)
		defer func() { _ = socket.Close() }()
		c := ts.dial()
		names := []string{
			"folder", "folder/", "fifo", "device", "outside", "socket", "", ".", "/",
			"missing", "missing/", "../x", "a\x01b", strings.Repeat("x", 256),
		}
		for i, name := range names {
			c.get(name, nil)
			ts.wantTransfer(i+1, outcomeMissing)
		}
		c.quit()
	})
}

// A file of 10,000,000,000 bytes does not fit a field.
func TestLargerThanFieldSendsNothing(t *testing.T) {
	ts := serve(t)
	check(t, os.WriteFile(filepath.Join(ts.dir, "sparse"), nil, 0o666))
	check(t, os.Truncate(filepath.Join(ts.dir, "sparse"), codec.FieldMax+1))
	c := ts.dial()
	c.get("sparse", nil)
	ts.wantTransfer(1, outcomeMissing)
	check(t, os.Truncate(filepath.Join(ts.dir, "sparse"), codec.FieldMax))
	d := c.ask("get sparse")
	if n := wantField(t, d); n != codec.FieldMax {
		t.Fatalf("%d bytes were announced", n)
	}
	reset(t, d.TCPConn)
	ts.wantTransfer(2, outcomeBroken)
	c.quit()
}

// It is reset, never padded.
func TestShrinkingFileIsReset(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		content := pattern(32 << 20) // more than the sockets' buffers take
		ts.file("file", content)
		c := ts.dial()
		d := c.ask("get file")
		if n := wantField(t, d); n != int64(len(content)) {
			t.Fatalf("%d bytes were announced", n)
		}
		check(t, os.Truncate(filepath.Join(ts.dir, "file"), 17))
		wantResetWithin(t, d, len(content)-1)
		ts.wantTransfer(1, outcomeCut)
		c.get("missing", nil)
		c.quit()
	})
}

func TestReadErrorIsReset(t *testing.T) {
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, n fsio.Name) error {
			if op == fsio.OpRead && n.String() == "bad" {
				return syscall.EIO
			}
			return nil
		})
	}, func(o *Options) { o.Portable = true })
	ts.file("bad", pattern(smallMax+1))
	c := ts.dial()
	c.command("get bad")
	wantResetAt(t, c.from, c.wantPort(), codec.FieldSize)
	ts.wantTransfer(1, outcomeFailed)
	// A small one was not announced yet: it counts as one that cannot be read.
	ts.file("bad", pattern(10))
	c.get("bad", nil)
	c.quit()
}

// The server reads and drops what comes until the client closes: a close before would be a reset.
func TestBytesToAGetAreDropped(t *testing.T) {
	ts := serve(t)
	content := pattern(2 << 20)
	ts.file("file", content)
	c := ts.dial()
	d := c.ask("get file")
	sent := make(chan error, 1)
	go func() {
		_, err := d.Write(content)
		sent <- err
	}()
	if n := wantField(t, d); n != int64(len(content)) {
		t.Fatalf("%d bytes were announced", n)
	}
	readExactly(t, d, content)
	d.wantEOF()
	check(t, <-sent)
	check(t, d.Close())
	ts.wantTransfer(1, outcomeComplete)
	c.quit()
}

// The next port is told when the bytes have moved: who never closes holds nobody up.
func TestClientThatNeverClosesIsClosed(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	c := ts.dial()
	d := c.ask("get file")
	if n := wantField(t, d); n != 7 {
		t.Fatalf("%d bytes were announced", n)
	}
	readExactly(t, d, []byte("content"))
	d.wantEOF()
	c.get("file", []byte("content"))
	ts.quiet() // two seconds later
	ts.wantTransfer(2, outcomeComplete)
	c.quit()
}

func TestUnknownCommandIsToldSo(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	for command, want := range map[string]string{
		"foo":         "500 foo: unknown command\n",
		"foo bar baz": "500 foo: unknown command\n",
		"get\tx":      "500 get?x: unknown command\n",
		" get x":      "500 : unknown command\n",
		"GETS x":      "500 GETS: unknown command\n",
	} {
		c.ask(command).wantRecord([]byte(want))
	}
	ts.wantTransfer(5, outcomeUnknown)
	c.quit()
}

func TestVerbsInAnyCase(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("x"))
	c := ts.dial()
	c.ask("GET file").wantRecord([]byte("x"))
	c.ask("gEt file").wantRecord([]byte("x"))
	c.ask("Ls").wantRecord([]byte("file\n"))
	c.command("QUIT")
	c.wantPort()
	c.wantEOF()
}

// The rest of the command is the name, as it is, inner spaces included.
func TestNamesWithSpaces(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	for _, name := range []string{
		"a b", " a", "a ", "a  b c", "ümlaut 文", "-l", "'q\"", "\xff\xfe",
	} {
		c.put(name, name)
		ts.wantFile(name, []byte(name))
		c.get(name, []byte(name))
	}
	c.quit()
}

func TestListingIsSortedAndComplete(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		c := ts.dial()
		c.ask("ls").wantRecord(nil)
		var want strings.Builder
		for i := range 700 {
			ts.file(fmt.Sprintf("file %05d with a long name, %s", i, strings.Repeat("x", 80)), nil)
			fmt.Fprintf(&want, "file %05d with a long name, %s\n", i, strings.Repeat("x", 80))
		}
		check(t, os.Mkdir(filepath.Join(ts.dir, "folder"), 0o777))
		ts.file("folder/b", nil)
		ts.file("folder/B", nil)
		ts.file("folder/.hidden", nil)
		ts.file("folder/con\x01trol", nil)
		want.WriteString("folder/\n")
		c.ask("ls").wantRecord([]byte(want.String()))
		c.ask("ls /").wantRecord([]byte(want.String()))
		c.ask("ls folder").wantRecord([]byte("B\nb\n"))
		c.ask("ls missing").wantRecord([]byte("550 missing: no such folder\n"))
		c.ask("ls folder/b").wantRecord([]byte("550 folder/b: no such folder\n"))
		c.ask("ls ..").wantRecord([]byte("550 ..: no such folder\n"))
		c.quit()
	})
}

// A filesystem that does not do sendfile is read and written; one that fails is reset and said.
func TestFileThatIsNotSentByTheSystem(t *testing.T) {
	if !havePlainSendfile {
		t.Skip("files are read and written here anyway")
	}
	var calls atomic.Int32
	var fail atomic.Value // of error
	ts := serveWith(t, func(s *Server) {
		r := s.reactors[0]
		r.wrap = sendfileBy(func(c loop.Channel, file int, offset, n int64) (int, error) {
			if calls.Add(1) > 1 {
				return 0, *fail.Load().(*error)
			}
			return c.Sendfile(file, offset, min(n, 100_000))
		})
	})
	content := pattern(3 * quantum)
	ts.file("large", content)
	c := ts.dial()
	plain, broken := loop.ErrNoSendfile, error(syscall.EIO)
	fail.Store(&plain)
	c.get("large", content)
	ts.wantTransfer(1, outcomeComplete)
	if n := calls.Swap(0); n != 2 {
		t.Errorf("sendfile was called %d times", n)
	}
	fail.Store(&broken)
	c.command("get large")
	wantResetAt(t, c.from, c.wantPort(), quantum)
	ts.wantTransfer(2, outcomeFailed)
	c.quit()
}
