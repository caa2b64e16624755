package reactor

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"ferry/codec"
	"ferry/fsio"
)

// classicTalker speaks classic, which has get alone.
type classicTalker struct{ c *lines }

// ask takes a file, a message and a reset for codes.
func (l classicTalker) ask(command, _ string) said {
	c := l.c
	c.t.Helper()
	check(c.t, c.SetDeadline(time.Now().Add(patience)))
	name, ok := strings.CutPrefix(command, "get ")
	if !ok {
		c.t.Fatalf("classic has no %q", command)
	}
	c.say("RETR " + name + "\n")
	line, err := c.in.ReadBytes('\n')
	check(c.t, err)
	port, ok := codec.ParseConn(bytes.TrimSuffix(line, []byte{'\n'}))
	if !ok {
		c.t.Fatalf("%q was told", line)
	}
	conn, err := dialData(port)
	if errors.Is(err, syscall.ECONNRESET) { // before connect had returned
		return said{code: codec.CodeLocal}
	}
	check(c.t, err)
	defer func() { _ = conn.Close() }()
	got, err := io.ReadAll(conn)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return said{code: codec.CodeLocal}
	case err != nil:
		c.t.Fatal(err)
	case strings.HasSuffix(string(got), notFound):
		return said{code: codec.CodeNoFile}
	}
	return said{code: codec.CodeComplete, got: string(got)}
}

// classicSteps are what faults of the disk are put into.
var classicSteps = []faultStep{
	{
		name: "get small", before: withSmall, after: withSmall, got: faultSmall,
		run: asking("get a", ""),
	},
	{
		name: "get large", before: withLarge, after: withLarge, got: faultLarge,
		run: asking("get a", ""),
	},
	{name: "get empty", before: tree{"a": ""}, after: tree{"a": ""}, run: asking("get a", "")},
	{
		name: "get deep", before: tree{"d": folderMark, "d/a": faultLarge},
		after: tree{"d": folderMark, "d/a": faultLarge}, got: faultLarge,
		run: asking("get d/a", ""),
	},
}

func TestFaultsOfTheDiskClassic(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		f := new(faulty)
		ts := serveFaulty(t, f, withClassic, way)
		c := ts.classic()
		testFaults(t, ts, f, classicTalker{c}, classicSteps, fsio.OpOpen, fsio.OpRead)
		c.goodbye()
	})
}
