package reactor

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/loop"
)

var planNames = [...]string{
	"wait", "read", "splice", "pipe", "create", "write", "drain", "store",
	"commit",
}

func (p plan) String() string { return planNames[p] }

// receiving returns a receiver behind the first bytes of an upload.
func receiving(upload string) receiver {
	rc := receiver{dec: codec.NewDecoder(codec.Records)}
	buffer := make([]byte, codec.FieldSize+smallMax)
	rc.buffer = &buffer
	for in := []byte(upload); ; {
		ev, n := rc.dec.Next(in)
		in = in[n:]
		switch ev.Kind {
		case codec.EventNone:
			return rc
		case codec.EventBytes:
			rc.fill += len(ev.Data)
		case codec.EventRecordEnd:
			rc.records++
		case codec.EventSize:
			rc.space.total += ev.N
		default:
			panic("an event that records do not have")
		}
	}
}

func TestPlanIsPinned(t *testing.T) {
	small := record("small")
	large := fmt.Sprintf("%010d", 10*smallMax)
	full := large + strings.Repeat("x", smallMax)
	with := func(upload string, set func(*receiver)) receiver {
		rc := receiving(upload)
		set(&rc)
		return rc
	}
	pending := func(rc *receiver) { rc.pending = struct{ fsio.Upload }{} }
	written := func(rc *receiver) { pending(rc); rc.fill = 0 }
	piped := func(n int64) func(*receiver) {
		return func(rc *receiver) { written(rc); rc.pipe = new(loop.Pipe); rc.piped = n }
	}
	whole := func(rc *receiver) { rc.phase = receiveWhole }
	const n, y = false, true
	for i, c := range []struct {
		rc                    receiver
		busy, readable, pipes bool
		want                  plan
		slow                  bool
	}{
		{receiving(""), n, y, y, planRead, n},
		{receiving(""), n, n, y, planWait, n},
		{receiving(small), n, y, y, planRead, n},
		{receiving(small), n, n, y, planWait, n},
		{receiving(small), y, y, y, planWait, n},
		{receiving(small), n, n, y, planCreate, y},
		{receiving(small), n, y, y, planRead, y},
		{receiving(small), y, n, y, planWait, y},
		{with(small, pending), n, n, y, planWrite, n},
		{with(small, pending), y, n, y, planWait, n},
		{with(small, whole), n, n, y, planStore, n},
		{with("", whole), n, n, y, planStore, n},
		{with(small, whole), y, n, y, planWait, n},
		{with(small, func(rc *receiver) { pending(rc); whole(rc) }), n, n, y, planWrite, n},
		{with(small, func(rc *receiver) { written(rc); whole(rc) }), n, n, y, planCommit, n},
		{with(small, func(rc *receiver) { written(rc); whole(rc) }), y, n, y, planWait, n},
		{with(small, func(rc *receiver) { piped(5)(rc); whole(rc) }), n, n, y, planDrain, n},
		{with(small, func(rc *receiver) { piped(5)(rc); whole(rc) }), y, n, y, planWait, n},
		{receiving(large), n, y, y, planCreate, n},
		{receiving(large), n, n, n, planCreate, n},
		{receiving(large), y, y, y, planWait, n},
		{receiving(full), n, y, n, planCreate, n},
		{with(large, pending), n, y, y, planPipe, n},
		{with(large, pending), n, y, n, planRead, n},
		{with(large, pending), n, n, n, planWait, n},
		{with(large+"x", pending), n, y, y, planWrite, n},
		{with(large+"x", pending), n, y, n, planRead, n},
		{with(full, pending), n, y, n, planWrite, n},
		{with(full, pending), y, y, n, planWait, n},
		{with(large, piped(0)), n, y, y, planSplice, n},
		{with(large, piped(0)), y, y, y, planSplice, n},
		{with(large, piped(0)), n, n, y, planWait, n},
		{with(large, piped(5)), n, y, y, planDrain, n},
		{with(large, piped(5)), y, y, y, planSplice, n},
		{with(large, piped(5)), y, n, y, planWait, n},
		{with(large, piped(loop.PipeBytes)), y, y, y, planWait, n},
	} {
		if got := c.rc.next(c.busy, c.readable, c.slow, c.pipes); got != c.want {
			t.Errorf("case %d: got %v, want %v", i, got, c.want)
		}
	}
}

// upload plays a client, a socket, a disk and a supply of pipes around a receiver.
type upload struct {
	rc     receiver
	unread []byte // in the socket
	unsent []byte
	closed bool // the client has ended its side
	busy   bool
	job    plan
	lent   int64 // bytes that the job holds
	file   int64 // bytes in the file
	stored bool
}

// do performs one plan as the reactor would, and fails where that breaks a rule.
func (u *upload) do(t *rapid.T, p plan, readable, pipes bool) {
	rc := &u.rc
	switch p {
	case planWait:
		if !u.busy && readable {
			t.Fatal("it waits for nothing")
		}
		return
	case planRead:
		if u.busy || !readable {
			t.Fatal("it reads into a buffer that a worker holds, or from an empty socket")
		}
		n := min(len(u.unread), smallMax-rc.fill)
		if n == 0 && len(u.unread) > 0 {
			t.Fatal("it reads into a full buffer")
		}
		u.take(t, n)
		return
	case planSplice:
		n := min(int64(len(u.unread)), rc.dec.Remaining(), loop.PipeBytes-rc.piped)
		if n == 0 {
			t.Fatal("it splices nothing")
		}
		rc.dec.Skip(n)
		rc.piped += n
		u.unread = u.unread[n:]
		if rc.dec.Remaining() == 0 {
			u.decode(t, nil)
		}
		return
	case planPipe:
		if rc.pipe != nil || !pipes || rc.fill > 0 || rc.pending == nil {
			t.Fatal("it borrows a pipe that it cannot use")
		}
		rc.pipe = new(loop.Pipe)
		return
	default: // it lends something to a worker, as below
	}
	if u.busy {
		t.Fatalf("it asks for a second job: %v while %v runs", p, u.job)
	}
	u.busy, u.job = true, p
	u.lent = int64(rc.fill)
	if p == planDrain {
		u.lent = rc.piped
	}
	if (p == planCreate || p == planStore) != (rc.pending == nil) {
		t.Fatalf("%v with a temporary file: %v", p, rc.pending != nil)
	}
}

// take decodes what was read; the end of the socket makes the upload whole.
func (u *upload) take(t *rapid.T, n int) {
	in := u.unread[:n]
	u.unread = u.unread[n:]
	if n == 0 {
		u.rc.ends |= clientEnded
		if err := u.rc.dec.End(); err != nil {
			t.Fatal(err)
		}
		u.rc.phase = receiveWhole
		return
	}
	u.decode(t, in)
}

func (u *upload) decode(t *rapid.T, in []byte) {
	for {
		ev, n := u.rc.dec.Next(in)
		in = in[n:]
		switch ev.Kind {
		case codec.EventNone:
			return
		case codec.EventBytes:
			u.rc.fill += len(ev.Data)
		case codec.EventRecordEnd:
			u.rc.records++
		case codec.EventError:
			t.Fatal(ev.Err)
		default: // sizes, which are counted elsewhere
		}
	}
}

// finish ends the job that runs.
func (u *upload) finish() {
	rc := &u.rc
	u.busy = false
	u.file += u.lent
	switch u.job {
	case planCreate:
		rc.pending = struct{ fsio.Upload }{}
		rc.fill = 0
	case planWrite:
		rc.fill = 0
	case planDrain:
		rc.piped -= u.lent
	case planStore, planCommit:
		u.stored = true
	default: // no job
	}
	if rc.pipe != nil && rc.piped == 0 && rc.dec.Remaining() == 0 {
		rc.pipe = nil
	}
}

// From any upload, however it is cut and however slow socket and disk are, the plan ends with a
// file of all bytes, asks for one job at a time, and waits only for what will come.
func TestPlanStoresEveryUpload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := &upload{rc: receiver{dec: codec.NewDecoder(codec.Records)}}
		var total int64
		for range rapid.IntRange(0, 4).Draw(t, "records") {
			n := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(smallMax-15, smallMax+15),
				rapid.IntRange(0, 3*loop.PipeBytes)).Draw(t, "size")
			u.unsent = append(codec.AppendField(u.unsent, int64(n)), make([]byte, n)...)
			total += int64(n)
		}
		pipes := rapid.Bool().Draw(t, "pipes")
		idle := 0
		for steps := 0; !u.stored; steps++ {
			if steps > 5000 {
				t.Fatal("it does not end")
			}
			readable := len(u.unread) > 0 || u.closed && u.rc.ends == 0
			slow := rapid.IntRange(0, 9).Draw(t, "slow") == 0
			p := u.rc.next(u.busy, readable, slow, pipes)
			u.do(t, p, readable, pipes)
			if p != planWait {
				idle = 0
				if !rapid.Bool().Draw(t, "go on") {
					continue
				}
			} else if idle++; idle > 100 {
				t.Fatal("it waits for ever")
			}
			u.turn(t)
		}
		if u.file != total {
			t.Fatalf("%d of %d bytes are in the file", u.file, total)
		}
	})
}

// turn lets the client or the disk do something.
func (u *upload) turn(t *rapid.T) {
	if u.busy && rapid.Bool().Draw(t, "disk") {
		u.finish()
		return
	}
	if len(u.unsent) == 0 {
		u.closed = true
		return
	}
	n := min(len(u.unsent), rapid.OneOf(rapid.IntRange(1, 30),
		rapid.IntRange(1, 4*loop.PipeBytes)).Draw(t, "sent"))
	u.unread = append(u.unread, u.unsent[:n]...)
	u.unsent = u.unsent[n:]
}
