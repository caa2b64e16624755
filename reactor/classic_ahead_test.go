//go:build linux && !ferryportable

package reactor

import (
	"io"
	"strings"
	"testing"
	"time"
)

// What is sent ahead of the answers, where a file that is in memory is found at once: elsewhere a
// worker looks for it, and a goodbye that lies behind it acts before it is found.

// GOODBYE SERVER acts at once, sent together with the command before it or not: it would end the
// transfer of that command anyway. Whether the port was told before depends on the lease's rest.
func TestGoodbyeSentAheadActsAtOnce(t *testing.T) {
	ts := serve(t, withClassic, func(o *Options) {
		o.Limits.OfferTimeout = time.Hour
		o.Limits.ClassicRest = time.Hour
	})
	ts.file("file", []byte("content"))
	for i := range 3 {
		c := ts.classic()
		c.say("RETR file\nGOODBYE SERVER\n" + strings.Repeat("RETR file\n", i))
		rest, err := io.ReadAll(c.in)
		check(t, err)
		told, thanks := "", string(rest)
		if i == 0 { // nothing rests yet
			told, thanks, _ = strings.Cut(thanks, "\n")
		}
		if (i == 0) != strings.HasPrefix(told, "CONN ") ||
			thanks != "THANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED\n" {
			t.Fatalf("%q came", rest)
		}
		ts.wantSession(i+1, endQuit)
	}
}

// Behind another command it waits its turn.
func TestGoodbyeBehindTwoCommandsWaitsForTheFirst(t *testing.T) {
	ts := serve(t, withClassic)
	ts.file("file", []byte("content"))
	c := ts.classic()
	c.say("RETR file\nRETR file\nGOODBYE SERVER\n")
	(&data{c.told(), t}).wantWhole([]byte("content"))
	rest, err := io.ReadAll(c.in)
	check(t, err)
	if !strings.HasSuffix(string(rest), "\nTHANK YOU, ALL CONNECTIONS SUCCESSFULLY TERMINATED\n") {
		t.Fatalf("%q came", rest)
	}
}
