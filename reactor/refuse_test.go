package reactor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/fsio"
	"ferry/reactor/limit"
)

// A put that is refused or fails is reset: base's one sign.
func TestRefusedPutIsReset(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		check(t, os.Mkdir(filepath.Join(ts.dir, "folder"), 0o777))
		check(t, syscall.Mkfifo(filepath.Join(ts.dir, "fifo"), 0o666))
		check(t, os.Symlink("/tmp", filepath.Join(ts.dir, "outside")))
		ts.file("plain", []byte("plain"))
		c := ts.dial()
		for i, name := range []string{
			"", "folder", "fifo", "../x", "missing/x", ".hidden",
			"outside/x", "plain/x", strings.Repeat("x", 256),
		} {
			for _, content := range []string{"small", string(pattern(smallMax + 1))} {
				c.putRefused(name, record(content))
			}
			ts.wantTransfer(2*i+2, outcomeRefused)
		}
		ts.quiet()
		ts.wantFile("plain", []byte("plain"))
		c.quit()
	})
}

func TestReadOnlyRefusesPuts(t *testing.T) {
	ts := serve(t, func(o *Options) { o.ReadOnly = true })
	c := ts.dial()
	c.putRefused("file", "")
	ts.wantTransfer(1, outcomeRefused)
	ts.wantNoFile("file")
	c.quit()
}

func TestNoOverwriteRefusesWhatIsThere(t *testing.T) {
	ts := serve(t, func(o *Options) { o.NoOverwrite = true })
	ts.file("file", []byte("old"))
	c := ts.dial()
	for _, content := range []string{"", "new", string(pattern(2 * quantum))} {
		c.putRefused("file", record(content))
		ts.quiet()
		ts.wantFile("file", []byte("old"))
	}
	c.put("new", "content")
	ts.wantFile("new", []byte("content"))
	c.quit()
}

// Of two uploads of one new name one wins, and the other is told.
func TestNoOverwriteRace(t *testing.T) {
	ts := serve(t, func(o *Options) { o.NoOverwrite = true })
	for _, size := range []int{10, smallMax + 1} {
		name := map[bool]string{true: "small", false: "large"}[size == 10]
		var wires [2]*wire
		var datas [2]*data
		var contents [2]string
		for i := range wires {
			wires[i] = ts.dial()
			datas[i] = wires[i].ask("put " + name)
			contents[i] = strings.Repeat(string(rune('a'+i)), size)
			datas[i].say(record(contents[i]))
		}
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range wires {
			group.Go(func() {
				_ = datas[i].CloseWrite()
				var b [1]byte
				if _, err := datas[i].Read(b[:]); !errors.Is(err, syscall.ECONNRESET) {
					won.Add(int64(i) + 1)
				}
			})
		}
		group.Wait()
		if n := won.Load(); n != 1 && n != 2 {
			t.Fatalf("%d of two won", n)
		}
		ts.quiet()
		ts.wantFile(name, []byte(contents[won.Load()-1]))
		wires[0].quit()
		wires[1].quit()
	}
}

func TestMaxUpload(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.UploadBytes = 100_000 })
	c := ts.dial()
	c.put("fits", string(pattern(60_000)), string(pattern(40_000)))
	for i, upload := range []string{
		"0000100001",
		record(string(pattern(60_000))) + "0000040001",
		record("") + "9999999999",
	} {
		c.putRefused("file", upload)
		ts.wantTransfer(i+2, outcomeRefused)
	}
	ts.quiet()
	ts.wantNoFile("file")
	c.quit()
}

func TestAnnouncementLargerThanFreeSpaceIsRefused(t *testing.T) {
	var st syscall.Statfs_t
	check(t, syscall.Statfs(t.TempDir(), &st))
	free := int64(st.Bavail) * int64(st.Bsize)
	ts := serve(t, func(o *Options) { o.Limits.FreeBytes = free - 1<<30 })
	c := ts.dial()
	c.put("fits", string(pattern(2*quantum)))
	d := c.ask("put file")
	d.say("2000000000")
	d.refused()
	ts.wantTransfer(2, outcomeFailed)
	ts.quiet()
	ts.wantNoFile("file")
	// What others have announced counts as well.
	other := ts.dial()
	d = other.ask("put other")
	d.say("0800000000")
	eventually(t, "the announcement", func() bool { return ts.limiter.Used(limit.Reserved) > 0 })
	d2 := c.ask("put file")
	d2.say("0800000000")
	d2.refused()
	reset(t, d.TCPConn)
	ts.quiet()
	ts.wantNoFile("other")
	c.quit()
	other.quit()
}

func TestMinFreeRefusesSmallPutsToo(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.FreeBytes = 1 << 60 })
	c := ts.dial()
	d := c.ask("put file")
	d.say(record("x"))
	check(t, d.CloseWrite())
	d.refused()
	ts.wantNoFile("file")
	c.quit()
}

func TestDiskErrorFailsPut(t *testing.T) {
	for _, op := range []fsio.Op{
		fsio.OpFolder, fsio.OpCreate, fsio.OpWrite, fsio.OpAllocate,
		fsio.OpClose, fsio.OpRename, fsio.OpFree,
	} {
		t.Run(string(op), func(t *testing.T) {
			ts := serveWith(t, func(s *Server) {
				faults(t, s, func(o fsio.Op, n fsio.Name) error {
					if o == op && (n.IsRoot() || n.String() == "file") {
						return syscall.EIO
					}
					return nil
				})
			})
			ts.file("file", []byte("old"))
			c := ts.dial()
			for _, content := range []string{"small", string(pattern(2 * quantum))} {
				if op == fsio.OpAllocate && content == "small" {
					continue
				}
				c.putRefused("file", record(content))
				ts.quiet()
				ts.wantFile("file", []byte("old"))
			}
			c.quit()
		})
	}
}

// More uploads at once than there are pipes.
func TestPutsWithoutPipes(t *testing.T) {
	ts := serve(t)
	onLoop(t, ts.reactors[0], func() { ts.reactors[0].loop.Pipes.Refuse(1 << 62) })
	c := ts.dial()
	content := pattern(3*quantum + 5)
	c.put("file", string(content[:quantum]), string(content[quantum:]))
	ts.wantFile("file", content)
	c.quit()
}

// Records of no bytes move nothing, but they are work: whoever floods with them has a quantum a
// turn like everybody else, and is not silent.
func TestFloodOfEmptyRecordsHoldsNobodyUp(t *testing.T) {
	ts := serve(t)
	ts.file("file", []byte("content"))
	d := ts.dial().ask("put flood")
	flood := []byte(strings.Repeat(record(""), 6000))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			if _, err := d.Write(flood); err != nil {
				return
			}
		}
	}()
	eventually(t, "the flood", func() bool { return ts.offset(t) > 4*quantum })
	c := ts.dial()
	for range 20 {
		c.get("file", []byte("content"))
	}
	onLoop(t, ts.reactors[0], func() {
		for _, tr := range ts.reactors[0].transfers {
			if tr.recv.ends&serverEnded != 0 {
				t.Error("the flood was taken for silent")
			}
			before := tr.recv.records
			for range 10 {
				_ = tr.recv.move()
			}
			if n := tr.recv.records - before; n > 10*2*quantum/recordWorth {
				t.Errorf("%d records were taken apart in ten turns", n)
			}
		}
	})
	c.quit()
	reset(t, d.TCPConn)
	<-stopped
	ts.quiet()
	ts.wantNoFile("flood")
}

// offset is how far the running puts have come.
func (ts *testServer) offset(t testing.TB) (n int64) {
	for _, r := range ts.reactors {
		onLoop(t, r, func() {
			for _, tr := range r.transfers {
				n += tr.recv.dec.Offset()
			}
		})
	}
	return n
}
