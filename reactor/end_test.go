package reactor

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

func TestDrainFinishesTransfers(t *testing.T) {
	ts := serve(t)
	content := pattern(8 << 20)
	ts.file("file", content)
	idle, getter, putter, offered := ts.dial(), ts.dial(), ts.dial(), ts.dial()
	down := getter.ask("get file")
	up := putter.ask("put new")
	up.say(record("con"))
	offered.command("get file")
	port := offered.wantPort()
	ts.Drain()
	idle.wantEOF()
	// Nobody new is served.
	late, err := net.Dial("tcp4", ts.addr())
	if err == nil {
		check(t, late.SetDeadline(time.Now().Add(patience)))
		wantEnd(t, late.(*net.TCPConn), errAny)
		check(t, late.Close())
	}
	up.say(record("tent"))
	up.stored()
	putter.wantEOF()
	down.wantRecord(content)
	getter.wantEOF()
	offered.connect(port).wantRecord(content)
	offered.wantEOF()
	check(t, ts.wait())
	ts.wantFile("new", []byte("content"))
}

func TestDrainEndsAfterItsTime(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.DrainTimeout = 50 * time.Millisecond })
	ts.file("file", []byte("old"))
	c := ts.dial()
	d := c.ask("put file")
	d.say("0000000100half")
	eventually(t, "the half to arrive", func() bool { return ts.offset(t) == 14 })
	ts.Drain()
	d.wantReset()
	c.wantEOF()
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
	ts.wantFile("file", []byte("old"))
}

func TestSecondOrderEndsAtOnce(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	d.say("0000000100half")
	eventually(t, "the half to arrive", func() bool { return ts.offset(t) == 14 })
	ts.Drain()
	ts.Stop()
	d.wantReset()
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
	ts.wantNoFile("file")
}

// Who drains it again gains nothing, and takes nothing from what still runs.
func TestSecondDrainChangesNothing(t *testing.T) {
	ts := serve(t)
	c := ts.dial()
	d := c.ask("put file")
	d.say("0000000008half")
	eventually(t, "the half to arrive", func() bool { return ts.offset(t) == 14 })
	ts.Drain()
	eventually(t, "draining", func() bool { return len(ts.log.all("draining")) == 1 })
	for range 10 {
		ts.Drain()
	}
	d.say("half")
	d.stored()
	check(t, ts.wait())
	ts.wantFile("file", []byte("halfhalf"))
}

// slowToSubmit are workers to whom a sweep is given only once they have closed, or after a while.
type slowToSubmit struct {
	workers
	begun, closed latch
	late          atomic.Bool
}

func (w *slowToSubmit) Submit(j fsio.Job) {
	if _, sweep := j.(*sweepJob); sweep {
		w.begun.trip()
		select {
		case <-w.closed.set:
			w.late.Store(true)
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	w.workers.Submit(j)
}

func (w *slowToSubmit) Close() {
	w.closed.trip()
	w.workers.Close()
}

// A sweep that comes just before the end is not given to workers that have gone.
func TestWorkersOutliveTheSweeper(t *testing.T) {
	w := &slowToSubmit{begun: newLatch(), closed: newLatch()}
	ts := serveWith(t, func(s *Server) { w.workers, s.pool = s.pool, w },
		func(o *Options) { o.PartLifetime = time.Second })
	<-w.begun.set
	ts.Stop()
	check(t, ts.wait())
	if w.late.Load() {
		t.Error("the workers had closed when a sweep came")
	}
}

// The end comes while a worker has a file in hand: nothing of it stays open or on the disk.
func TestStopDuringFileWork(t *testing.T) {
	for _, c := range []struct {
		op      fsio.Op
		command string
		upload  string
	}{
		{fsio.OpOpen, "get file", ""},
		{fsio.OpRead, "get file", ""},
		{fsio.OpRead, "get large", ""},
		{fsio.OpList, "ls", ""},
		{fsio.OpCreate, "put new", record("small")},
		{fsio.OpCreate, "put new", record(string(pattern(smallMax + 1)))},
		{fsio.OpWrite, "put new", record(string(pattern(3 * quantum)))},
		{fsio.OpRename, "put new", record(string(pattern(smallMax + 1)))},
	} {
		t.Run(string(c.op)+" "+c.command, func(t *testing.T) {
			begun, wait := make(chan struct{}), make(chan struct{})
			var once sync.Once
			ts := serveWith(t, func(s *Server) {
				faults(t, s, func(op fsio.Op, _ fsio.Name) error {
					if fromMemory() {
						return fsio.ErrWouldBlock
					}
					if op == c.op {
						once.Do(func() { close(begun) })
						<-wait
					}
					return nil
				})
			})
			ts.file("file", []byte("content"))
			ts.file("large", pattern(smallMax+1))
			d := ts.dial().ask(c.command)
			d.say(c.upload)
			if c.upload != "" {
				check(t, d.CloseWrite())
			}
			<-begun
			ts.Stop()
			wantResetWithin(t, d, 10)
			close(wait)
			if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
				t.Errorf("the server ended with: %v", err)
			}
			ts.wantNoTemporaries()
		})
	}
}

// A client that takes up its offer while the server ends meets nobody.
func TestOfferTakenWhileServerEnds(t *testing.T) {
	wait := make(chan struct{})
	var begun atomic.Bool
	ts := serveWith(t, func(s *Server) {
		faults(t, s, func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpList {
				begun.Store(true)
				<-wait
			}
			return nil
		})
	})
	lists, offered := ts.dial(), ts.dial()
	l := lists.ask("ls")
	eventually(t, "the listing", begun.Load)
	offered.command("ls")
	port := offered.wantPort()
	ts.Stop()
	l.wantReset()
	offered.wantEOF()
	d := offered.connect(port)
	_, _ = d.Read(make([]byte, 1)) // whatever it gets, the server lives until its worker is back
	close(wait)
	if err := ts.wait(); !errors.Is(err, ErrTransfersReset) {
		t.Errorf("the server ended with: %v", err)
	}
}

// Between the look at the port and the start somebody else may take it.
func TestPortTakenBeforeTheStart(t *testing.T) {
	s, err := New(testOptions(t.TempDir()))
	check(t, err)
	s.listeners[0].Release()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	check(t, err)
	defer func() { _ = unix.Close(fd) }()
	check(t, unix.Bind(fd, &unix.SockaddrInet4{Port: s.Port(), Addr: [4]byte{127, 0, 0, 1}}))
	check(t, unix.Listen(fd, 1))
	ran := make(chan error, 1)
	go func() { ran <- s.Run(func() { t.Error("it listens") }) }()
	select {
	case err := <-ran:
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}

// Signals may come at any time, the server's end included.
func TestStatusWhileServerEnds(t *testing.T) {
	ts := serve(t)
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(50 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				ts.LogStatus()
			}
		}
	})
	ts.Stop()
	check(t, ts.wait())
	close(stop)
	group.Wait()
	ts.Stop()
	ts.Drain()
	ts.Close()
}
