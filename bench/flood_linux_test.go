package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ferry/client"
)

const (
	floodProcesses = 2
	floodEach      = 15_000 // connections that each tries to hold, of 20,000 descriptors
	floodSessions  = 50     // that were there before
)

// asFlood makes this test's program a process that opens connections and holds them: the server's
// address, the source address and the number, separated by commas.
const asFlood = "FERRY_TEST_AS_FLOOD"

func init() { plays[asFlood] = playFlood }

// TestFloodLeavesSessions: 30,000 connection attempts, more than the server has descriptors, are
// survived, and the sessions that were there go on.
func TestFloodLeavesSessions(t *testing.T) {
	h := hold(t)
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
	var ends []func()
	attempts := 0
	for i := range floodProcesses {
		made, end := flood(t, h.Address, fmt.Sprintf("127.0.2.%d", i+1))
		attempts += made
		ends = append(ends, end)
		fetchAll("during")
	}
	t.Logf("%d attempts; the server holds %d descriptors", attempts, h.descriptors(t))
	if attempts < floodProcesses*floodEach {
		t.Errorf("only %d attempts were made", attempts)
	}
	for _, end := range ends {
		end()
	}
	settle(t, "the flood's sessions end", func() bool { return h.descriptors(t) <= before })
	fetchAll("after")
	c := h.dial(t, "127.0.2.1")
	defer func() { _ = c.Close() }()
	if _, err := c.List(context.Background(), ""); err != nil {
		t.Errorf("a new session after the flood: %v", err)
	}
}

// flood starts a process that holds connections, and returns how many it tried once it has, and
// what ends it.
func flood(t *testing.T, address, from string) (attempts int, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%s,%d", asFlood, address, from, floodEach))
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
	end = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	if _, err := fmt.Fscan(bufio.NewReader(out), &attempts); err != nil {
		end()
		t.Fatal(err)
	}
	return attempts, end
}

// playFlood is the process: it opens its connections one after the other, closed ones too, says how
// many attempts that were, and holds them until its input ends.
func playFlood(what string) int {
	f := strings.Split(what, ",")
	h := held{Server: &Server{Address: f[0]}}
	attempts := 0
	var open controls
	for attempts < floodEach {
		made, err := h.connect(f[1], min(500, floodEach-attempts))
		open = append(open, made...)
		attempts += len(made)
		if err != nil {
			attempts++ // refused or reset: the server closed it that fast
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, attempts)
	_, _ = io.Copy(io.Discard, os.Stdin)
	open.close()
	return 0
}
