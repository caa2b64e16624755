package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/reactor/limit"
)

func TestSurplusSessionsAreClosed(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.Limits.Sessions = 5
		o.Limits.SessionsPerAddress = 3
	})
	var kept []*wire
	for _, from := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"} {
		c := ts.dialFrom(t, from)
		c.ask("ls").wantRecord(nil)
		kept = append(kept, c)
	}
	wantEnd(t, ts.dialFrom(t, "127.0.0.1").TCPConn, errAny) // its address has three
	wantEnd(t, ts.dialFrom(t, "127.0.0.3").TCPConn, errAny) // the server has five
	for _, c := range kept {
		c.ask("ls").wantRecord(nil)
	}
	kept[0].quit()
	eventually(t, "the end of one", func() bool { return ts.limiter.Used(limit.Sessions) == 4 })
	c := ts.dialFrom(t, "127.0.0.1")
	c.ask("ls").wantRecord(nil)
	if n := ts.counted().overLimit; n != 2 {
		t.Errorf("%d sessions over the limit were counted", n)
	}
}

func TestDenyGoesBeforeAllow(t *testing.T) {
	prefix := netip.MustParsePrefix
	ts := serve(t, func(o *Options) {
		o.Deny = []netip.Prefix{prefix("127.0.0.2/32")}
		o.Allow = []netip.Prefix{prefix("127.0.0.0/28")}
	})
	for from, in := range map[string]bool{
		"127.0.0.1": true, "127.0.0.2": false, "127.0.0.15": true, "127.0.0.16": false,
	} {
		c := ts.dialFrom(t, from)
		if in {
			c.ask("ls").wantRecord(nil)
		} else {
			wantEnd(t, c.TCPConn, errAny)
		}
	}
}

func TestTransfersWaitForTheirLimit(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.Limits.Transfers = 3
		o.Limits.TransfersPerAddress = 2
	})
	var kept []*data
	for _, from := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.2"} {
		kept = append(kept, ts.dialFrom(t, from).ask("put "+from+fmt.Sprint(len(kept))))
	}
	first, second := ts.dialFrom(t, "127.0.0.1"), ts.dialFrom(t, "127.0.0.3")
	first.command("ls")
	eventually(t, "the first", func() bool { return ts.waiting(t) == 1 })
	second.command("ls")
	eventually(t, "the second", func() bool { return ts.waiting(t) == 2 })
	reset(t, kept[2].TCPConn) // room in the server, not for 127.0.0.1
	second.connect(second.wantPort()).wantRecord(nil)
	if ts.waiting(t) != 1 {
		t.Error("the first was served beyond its address's limit")
	}
	reset(t, kept[0].TCPConn)
	first.connect(first.wantPort()).wantRecord(nil)
	reset(t, kept[1].TCPConn)
}

// Who reads nothing, or a byte now and then, changes nothing for the others.
func TestSlowReaderChangesNothingForOthers(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serve(t, way)
		large, small := pattern(64<<20), []byte("content")
		ts.file("large", large)
		ts.file("small", small)
		var slow []*data
		for range 8 {
			d := ts.dial().ask("get large")
			check(t, d.SetReadBuffer(4096))
			slow = append(slow, d)
		}
		for range 4 {
			d := ts.dial().ask("put slow")
			d.say("0000001000a")
			slow = append(slow, d)
		}
		c := ts.dial()
		for range 100 {
			c.get("small", small)
		}
		for _, d := range slow[:8] {
			if n := wantField(t, d); n != int64(len(large)) {
				t.Errorf("%d bytes were announced", n)
			}
		}
		c.get("large", large)
		for _, d := range slow {
			reset(t, d.TCPConn)
		}
		c.quit()
	})
}

func TestIdleSessionEnds(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Limits.StallTimeout = time.Hour })
	quiet := ts.dial()
	slow := ts.dial()
	slow.say("00000") // a command that never comes whole is silence
	busy := ts.dial()
	d := busy.ask("put file")
	d.say("0000000007con")
	eventually(t, "the beginning of the file", func() bool { return ts.offset(t) > 0 })
	idle := ts.limiter.Limits.IdleTimeout
	ts.later(idle)
	quiet.wantEOF()
	slow.wantEOF()
	ts.wantSession(2, endIdle)
	// A session with a running transfer is not idle.
	d.say("tent")
	d.stored()
	ts.quiet()
	ts.later(idle)
	busy.wantEOF()
	ts.wantSession(3, endIdle)
	ts.wantFile("file", []byte("content"))
}

func TestStalledTransferIsReset(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.Limits.StallTimeout = 100 * time.Millisecond // less than recordPause
		o.Limits.RateBytes = 1000
	})
	ts.freeze()
	ts.file("large", pattern(32<<20))
	ts.file("file", []byte("old"))
	get, put, silent := ts.dial(), ts.dial(), ts.dial()
	down := get.ask("get large")
	up := put.ask("put file")
	up.say(record("whole"))
	none := silent.ask("put none")
	ts.stall()
	up.wantReset()
	none.wantReset()
	ts.wantTransfer(3, outcomeStalled)
	wantResetWithin(t, down, 32<<20-1)
	ts.quiet()
	ts.wantFile("file", []byte("old"))
	ts.wantNoFile("none")
	for _, c := range []*wire{get, put, silent} {
		c.quit()
	}
}

// client puts its own file and gets it again, and says what went wrong.
func client(ts *testServer, from string, name string, content []byte) error {
	at := netip.MustParseAddr(from)
	control, err := tryTCP(at, netip.MustParseAddrPort(ts.addr()))
	if err != nil {
		return err
	}
	defer func() { _ = control.Close() }()
	ask := func(command string) (*net.TCPConn, error) {
		_ = control.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(control, framed(command)); err != nil {
			return nil, err
		}
		var field [10]byte
		if _, err := io.ReadFull(control, field[:]); err != nil {
			return nil, fmt.Errorf("port of %s: %w", command, err)
		}
		port := "127.0.0.1:" + strings.TrimLeft(string(field[:]), "0")
		c, err := tryTCP(at, netip.MustParseAddrPort(port))
		if err != nil {
			return nil, err
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		return c, nil
	}
	up, err := ask("put " + name)
	if err != nil {
		return err
	}
	_, err = up.Write([]byte(record(string(content))))
	err = errors.Join(err, up.CloseWrite())
	_, end := io.Copy(io.Discard, up)
	if err = errors.Join(err, end, up.Close()); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	down, err := ask("get " + name)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(down)
	if err = errors.Join(err, down.Close()); err != nil {
		return fmt.Errorf("get: %w", err)
	}
	if !bytes.Equal(got, []byte(record(string(content)))) {
		return fmt.Errorf("%s came back as %s", brief(content), brief(got))
	}
	return nil
}

// crowd runs clients at once, from several addresses.
func crowd(t *testing.T, ts *testServer, clients int) {
	t.Helper()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			content := pattern(3000 + i*i%200_000)
			copy(content, fmt.Sprintf("file of client %d", i))
			err := client(ts, fmt.Sprintf("127.0.0.%d", i%5+1), fmt.Sprintf("file %d", i), content)
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	group.Wait()
}

func TestFiveHundredClientsAtOnce(t *testing.T) {
	for _, reactors := range []int{1, 2} {
		t.Run(fmt.Sprintf("reactors=%d", reactors), func(t *testing.T) {
			ts := serve(t, func(o *Options) {
				o.Reactors = reactors
				o.DataPorts.Count = 64
			})
			crowd(t, ts, 500)
		})
	}
}

// With next to nothing to go round everybody waits, and everybody is served.
func TestCrowdWithScarceLimits(t *testing.T) {
	for _, reactors := range []int{1, 2} {
		ts := serve(t, func(o *Options) {
			o.Reactors = reactors
			o.DataPorts.Count = 2
			o.Limits.Transfers = 3
			o.Limits.TransfersPerAddress = 2
			o.FileWorkers = 1
		})
		crowd(t, ts, 60)
	}
}
