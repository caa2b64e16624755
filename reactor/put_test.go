package reactor

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ferry/fsio"
)

func TestPutStoresWhatIsSent(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		c := ts.dial()
		for _, size := range []int{
			0, 1, smallMax - 10, smallMax, smallMax + 1, quantum,
			3*quantum + 7,
		} {
			content := pattern(size)
			c.put("file", string(content))
			ts.wantFile("file", content)
		}
		c.quit()
	})
}

// Some clients cut a file into records of 64 KiB; together they are one file.
func TestRecordsMakeOneFile(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		c := ts.dial()
		content := string(pattern(5<<20 + 1))
		for _, cut := range []int{64 << 10, 100_000, 1, 4<<20 + 3} {
			var records []string
			rest := content[:min(len(content), 5000*cut)]
			want := rest
			for len(rest) > 0 {
				n := min(cut, len(rest))
				records = append(records, rest[:n], "") // a record of no bytes changes nothing
				rest = rest[n:]
			}
			c.put("file", records...)
			ts.wantFile("file", []byte(want))
		}
		c.quit()
	})
}

// cutAt sends the first n bytes of an upload and ends the data connection.
func (ts *testServer) cutAt(c *wire, wire string, n int, end func(*data)) {
	ts.t.Helper()
	d := c.ask("put file")
	d.say(wire[:n])
	end(d)
	ts.quiet()
}

func closeData(d *data) { check(d.t, d.Close()) }
func resetData(d *data) { reset(d.t, d.TCPConn) }

// A close inside a field or record, or a reset anywhere, changes nothing.
func TestUploadCutAtEveryByteLeavesOldFile(t *testing.T) {
	for _, options := range []func(*Options){
		func(*Options) {},
		func(o *Options) { o.NoOverwrite = true }, // what is cut off is not there at all
	} {
		ts := serve(t, options)
		c := ts.dial()
		old := []byte("old content")
		keeps := func(n int, how string) {
			t.Helper()
			if ts.options.NoOverwrite {
				ts.wantNoFile("file")
				return
			}
			got, err := os.ReadFile(filepath.Join(ts.dir, "file"))
			check(t, err)
			if string(got) != string(old) {
				t.Fatalf("%s after %d bytes left %s", how, n, brief(got))
			}
			ts.wantNoTemporaries()
		}
		if !ts.options.NoOverwrite {
			ts.file("file", old)
		}
		upload := record("first record") + record("second")
		boundary := len(record("first record"))
		for n := 1; n < len(upload); n++ {
			if n != boundary {
				ts.cutAt(c, upload, n, closeData)
				keeps(n, "a close")
			}
		}
		for n := range len(upload) + 1 {
			ts.cutAt(c, upload, n, resetData)
			keeps(n, "a reset")
		}
		ts.cutAt(c, upload, boundary, closeData)
		ts.wantFile("file", []byte("first record"))
		c.quit()
	}
}

// The same where blocks are allocated and pipes are borrowed.
func TestLargeUploadCutLeavesOldFile(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		c := ts.dial()
		old := []byte("old content")
		ts.file("file", old)
		upload := record(string(pattern(2*quantum))) + record(string(pattern(100_000)))
		for _, n := range []int{
			smallMax, smallMax + 10, smallMax + 11, quantum, 2 * quantum,
			2*quantum + 9, 2*quantum + 11, 2*quantum + 15, len(upload) - 1,
		} {
			ts.cutAt(c, upload, n, closeData)
			ts.wantFile("file", old)
			ts.cutAt(c, upload, n, resetData)
			ts.wantFile("file", old)
		}
		ts.cutAt(c, upload, len(upload), resetData)
		ts.wantFile("file", old)
		c.quit()
	})
}

func TestBadFieldInPutIsReset(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("old"))
	c := ts.dial()
	for i, bad := range []string{
		"GET / HTTP", "          ", "-000000001", "1 1       ",
		record("good") + "x",
	} {
		d := c.ask("put file")
		d.say(bad)
		d.refused()
		ts.wantTransfer(i+1, outcomeProtocol)
		ts.quiet()
		ts.wantFile("file", []byte("old"))
	}
	c.quit()
}

// A client that only ends its session, or only goes on, has said that its file is whole.
func TestFurtherCommandEndsPut(t *testing.T) {
	for _, content := range []string{"short", string(pattern(3*quantum + 1))} {
		ts := serve(t)
		c := ts.dial()
		d := c.ask("put file")
		d.say(record(content))
		c.command("get file")
		port := c.wantPort()
		ts.wantFile("file", []byte(content))
		d.wantEOF()
		c.connect(port).wantRecord([]byte(content))
		check(t, d.Close())
		c.quit()
	}
}

func TestQuitEndsPut(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	d.say(record("content"))
	c.command("quit")
	d.wantEOF()
	ts.wantFile("file", []byte("content"))
	c.wantPort()
	c.wantEOF()
}

func TestEndOfControlEndsPutAfterRecord(t *testing.T) {
	for _, content := range []string{"short", string(pattern(3*quantum + 1))} {
		ts := serve(t)
		c := ts.dial()
		d := c.ask("put file")
		d.say(record(content))
		check(t, c.Close())
		d.wantEOF()
		ts.wantFile("file", []byte(content))
		check(t, d.Close())
	}
}

// The end of control inside a record ends nothing: the transfer that moves is finished.
func TestEndOfControlInRecordLetsPutFinish(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	upload := record("content")
	d.say(upload[:12])
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	d.say(upload[12:])
	d.stored()
	ts.wantFile("file", []byte("content"))
}

// Commands that were sent before the port was told say nothing about the put, however they come.
func TestCommandsSentAheadDoNotEndPut(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	c.say(framed("put file") + framed("get file") + framed("quit"))
	d := c.connect(c.wantPort())
	twoRecords(t, ts, d)
	ts.wantFile("file", []byte("first second"))
	c.connect(c.wantPort()).wantRecord([]byte("first second"))
	c.wantPort()
	c.wantEOF()
}

// twoRecords makes a put of two records, the second after the server's side has ended: that takes
// longer than a put that shall end waits.
func twoRecords(t testing.TB, ts *testServer, d *data) {
	t.Helper()
	d.say(record("first "))
	d.wantEOF()
	d.say(record("second"))
	check(t, d.CloseWrite())
	ts.wantTransfer(1, outcomeComplete)
}

// So it is when the command itself had to wait for its port.
func TestCommandsSentAheadOfALateOfferDoNotEndPut(t *testing.T) {
	ts := serve(t, func(o *Options) { o.DataPorts.Count = 1 })
	other := ts.dial()
	other.command("ls")
	port := other.wantPort()
	c := ts.dial()
	c.command("put file")
	eventually(t, "the put to wait", func() bool { return ts.waiting(t) == 1 })
	c.command("get file")
	eventually(t, "the get to arrive", func() bool { return ts.ahead(t) > 0 })
	other.connect(port).wantRecord(nil)
	d := c.connect(c.wantPort())
	d.say(record("first "))
	d.wantEOF()
	d.say(record("second"))
	check(t, d.CloseWrite())
	c.connect(c.wantPort()).wantRecord([]byte("first second"))
	other.quit()
	c.quit()
}

// waiting counts the commands without a port.
func (ts *testServer) waiting(t testing.TB) (n int) {
	for _, r := range ts.reactors {
		onLoop(t, r, func() {
			for _, a := range r.addresses {
				for _, l := range a.lines {
					if l != nil {
						n += l.waiting.Len()
					}
				}
			}
		})
	}
	return n
}

// ahead counts the bytes that clients have sent ahead.
func (ts *testServer) ahead(t testing.TB) (n int) {
	for _, r := range ts.reactors {
		onLoop(t, r, func() {
			for s := range r.sessions {
				n += s.conn.Buffered()
			}
		})
	}
	return n
}

// A put is silent only when its socket is: a record that came while the disk was busy belongs to
// it.
func TestSlowDiskDoesNotEndPut(t *testing.T) {
	slow := make(chan struct{})
	var writes atomic.Int64
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpWrite && writes.Add(1) == 1 {
				<-slow
			}
			return nil
		})
	})
	c := ts.dial()
	d := c.ask("put file")
	first, second := string(pattern(smallMax)), string(pattern(1000))
	d.say(record(first))
	eventually(t, "the first write", func() bool { return writes.Load() == 1 })
	d.say(record(second))
	check(t, c.Close())
	ts.wantSession(1, endClosed)
	// Its pause would have run out by then, if there were one.
	eventually(t, "a pause to run out, or none", func() bool {
		over := false
		r := ts.reactors[0]
		onLoop(t, r, func() {
			for _, tr := range r.transfers {
				over = tr.recv.endAsked != askNot && !tr.recv.pause.IsSet()
			}
		})
		return over
	})
	close(slow)
	d.stored()
	ts.wantFile("file", []byte(first+second))
}

func TestCloseBeforeFirstFieldMakesEmptyFile(t *testing.T) {
	for _, o := range []func(*Options){
		func(*Options) {}, func(o *Options) { o.NoOverwrite = true },
	} {
		ts := serve(t, o)
		c := ts.dial()
		c.put("file")
		ts.wantFile("file", nil)
		ts.wantTransfer(1, outcomeComplete)
		c.quit()
	}
}

func TestCloseBeforeFirstFieldLeavesExistingFile(t *testing.T) {
	for _, o := range []func(*Options){
		func(*Options) {}, func(o *Options) { o.NoOverwrite = true },
	} {
		ts := serve(t, o)
		ts.file("file", []byte("old"))
		c := ts.dial()
		c.put("file")
		ts.wantFile("file", []byte("old"))
		ts.wantTransfer(1, outcomeKept)
		c.quit()
	}
}

// Some clients wait for the server's end before they close.
func TestServerEndsItsSideASecondAfterRecord(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	began := time.Now()
	d.say(record("content"))
	d.wantEOF()
	if took := time.Since(began); took < recordPause {
		t.Errorf("the server ended its side after %v", took)
	}
	if _, err := os.Stat(filepath.Join(ts.dir, "file")); !os.IsNotExist(err) {
		t.Errorf("the file is there before its end: %v", err)
	}
	check(t, d.Close())
	ts.quiet()
	ts.wantFile("file", []byte("content"))
	c.quit()
}
