package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/client"
)

const (
	floodProcesses = 2
	floodEach      = 15_000 // connections that each makes and tries to hold
	floodLimit     = 20_000 // descriptors that the server may have
	floodAllowed   = 19_600 // sessions that it is told to allow: all but what it needs itself
	floodSessions  = 50     // that were there before
)

// asFlood makes this test's program a process that opens connections and holds them: the server's
// address, the source address and the number, separated by commas.
const asFlood = "FERRY_TEST_AS_FLOOD"

func init() { plays[asFlood] = playFlood }

// TestFloodLeavesSessions: 30,000 connections that are made to a server of 20,000 descriptors fill
// it to the brim and are survived, and the sessions that were there go on.
func TestFloodLeavesSessions(t *testing.T) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		t.Fatal(err)
	}
	if own.Max < floodLimit {
		t.Skipf("this system allows %d descriptors; this test is about %d", own.Max, floodLimit)
	}
	program := filepath.Join(t.TempDir(), "limited")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n",
		floodLimit, serverProgram(t))
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	h := holdProgram(t, program, "--max-sessions", strconv.Itoa(floodAllowed),
		"--max-sessions-per-address", strconv.Itoa(floodAllowed))
	h.write(t, besideFileName, floorFile())
	var sessions []*client.Client
	for i := range floodSessions {
		c := h.dial(t, fmt.Sprintf("127.0.1.%d", i+1))
		defer func() { _ = c.Close() }()
		sessions = append(sessions, c)
	}
	fetchAll := func(when string) {
		t.Helper()
		for i, c := range sessions {
			var got bytes.Buffer
			if _, err := c.Get(context.Background(), besideFileName, &got); err != nil {
				t.Fatalf("%s, session %d: %v", when, i, err)
			}
			if !bytes.Equal(got.Bytes(), floorFile()) {
				t.Fatalf("%s, session %d: got other bytes", when, i)
			}
		}
	}
	fetchAll("before")
	before := h.descriptors(t)
	var floods []*flood
	made := 0
	for i := range floodProcesses {
		f := beginFlood(t, h.Address, fmt.Sprintf("127.0.2.%d", i+1))
		made += f.made
		floods = append(floods, f)
		fetchAll("during")
	}
	full := h.descriptors(t)
	alive := 0
	for _, f := range floods {
		alive += f.end(t)
	}
	t.Logf("%d connections were made, %d of them stood; the server held %d descriptors of %d",
		made, alive, full, floodLimit)
	if made < floodProcesses*floodEach || alive != floodAllowed-floodSessions {
		t.Errorf("%d of %d connections were made, %d of %d stood", made,
			floodProcesses*floodEach, alive, floodAllowed-floodSessions)
	}
	if full < floodAllowed || full > floodLimit {
		t.Errorf("the server held %d descriptors, which is not full", full)
	}
	settle(t, "the flood's sessions end", func() bool { return h.descriptors(t) <= before })
	fetchAll("after")
	c := h.dial(t, "127.0.2.1")
	defer func() { _ = c.Close() }()
	if _, err := c.List(context.Background(), ""); err != nil {
		t.Errorf("a new session after the flood: %v", err)
	}
}

// flood is a process that made connections and holds those that were not closed.
type flood struct {
	cmd  *exec.Cmd
	in   io.Closer
	out  *bufio.Reader
	made int
}

// beginFlood starts one, and returns when it has made its connections.
func beginFlood(t *testing.T, address, from string) *flood {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%s", asFlood, address, from))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &flood{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscanln(f.out, &f.made); err != nil {
		t.Fatal(err)
	}
	return f
}

// end closes the connections, and returns how many of them the server had not closed.
func (f *flood) end(t *testing.T) (alive int) {
	t.Helper()
	_ = f.in.Close()
	if _, err := fmt.Fscanln(f.out, &alive); err != nil {
		t.Fatal(err)
	}
	return alive
}

// playFlood is the process: it makes its connections one after the other, those that the server
// closed at once among them, and says how many were made. When its input ends it says how many the
// server has not closed.
func playFlood(what string) int {
	address, from, _ := strings.Cut(what, ",")
	h := held{Server: &Server{Address: address}}
	var open controls
	for failed := 0; len(open) < floodEach; {
		made, err := h.connect(from, min(500, floodEach-len(open)))
		open = append(open, made...)
		if err != nil {
			if failed++; failed > floodEach {
				_, _ = fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, len(open))
	_, _ = io.Copy(io.Discard, os.Stdin)
	_, _ = fmt.Fprintln(os.Stdout, open.alive())
	open.close()
	return 0
}
