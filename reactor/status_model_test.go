//go:build linux && !ferryportable

package reactor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"ferry/codec"
)

// statusModel is one session of the status exchange as its client sees it: every command is
// answered once, in order, whatever happens meanwhile. Time passes when the model says so.
type statusModel struct {
	*stage
	conn *fakeConn
	// sent are the commands that have no last answer yet; an abor among them lets those before it
	// be answered by 426.
	sent []string
	// offer stands, or its data connection was made; fd is our end of that.
	offer *codec.Offer
	fd    int

	answered int
	over     bool
}

// lastAnswers are the codes that may be a command's last answer when nothing goes wrong.
var lastAnswers = map[string][]int{
	"noop": {200}, "pwd": {257}, "frob": {500}, "get": {501}, "abor": {226},
	"stat a": {213, 550}, "stat no": {550}, "cd d": {250, 550}, "cd /": {250},
	"mkdir d": {250, 550}, "rmdir d": {250, 550}, "rm c": {250, 550},
	"rnfr a": {350, 550}, "rnto b": {250, 503, 550}, "rnfr b": {350, 550},
	"rnto a": {250, 503, 550}, "sum xxh3 a": {213, 550}, "newpart e": {250, 550},
	"get a": {226, 425, 426, 550}, "get no": {550}, "ls": {226, 425, 426, 550},
	"put c": {226, 425, 426, 550}, "getpart 1 2 a": {226, 425, 426, 550},
}

// command sends commands in one piece.
func (m *statusModel) command(t *rapid.T) {
	if m.over || len(m.sent) > 20 {
		return
	}
	words := make([]string, 0, len(lastAnswers))
	for word := range lastAnswers {
		words = append(words, word)
	}
	slices.Sort(words)
	for _, word := range rapid.SliceOfN(rapid.SampledFrom(words), 1, 4).Draw(t, "commands") {
		m.sent = append(m.sent, word)
		m.conn.in = append(m.conn.in, framed(word)...)
	}
	m.input(m.conn)
}

// take makes the data connection of the standing offer, sends what a put wants, and closes it or
// leaves it.
func (m *statusModel) take(t *rapid.T) {
	if m.offer == nil {
		return
	}
	says := m.offer.Key.String()
	if m.offer.Size < 0 {
		says += record("abc")
	}
	cut := rapid.SampledFrom([]int{len(says), 16, 20, 3}).Draw(t, "said")
	m.fd = m.knock(says[:min(cut, len(says))])
	if cut >= codec.KeySize {
		m.offer = nil
	}
	m.hangUp()
}

func (m *statusModel) hangUp() {
	if m.fd >= 0 {
		_ = unix.Close(m.fd)
		m.fd = -1
	}
}

// read takes what has come on control.
func (m *statusModel) read(t *rapid.T) {
	d := codec.NewDecoder(codec.Replies)
	for {
		ev, n := d.Next(m.conn.out)
		m.conn.out = m.conn.out[n:]
		switch {
		case ev.Kind == codec.EventNone:
			return
		case ev.Kind != codec.EventReply:
			t.Fatalf("%v came on control", ev)
		case ev.N == codec.CodeTooBusy:
			m.over = true
		default:
			m.answer(t, int(ev.N), ev.Data)
		}
	}
}

func (m *statusModel) answer(t *rapid.T, code int, text []byte) {
	if len(m.sent) == 0 {
		t.Fatalf("%d %q answers nothing", code, text)
	}
	command := m.sent[0]
	if code == codec.CodeOffer {
		q, _ := codec.ParseRequest([]byte(command))
		o, ok := codec.ParseOffer(q.Verb, text)
		if !ok || m.offer != nil {
			t.Fatalf("%s: %q is no offer, or the second", command, text)
		}
		m.offer = &o
		return
	}
	given := code == codec.CodeAborted && slices.Contains(m.sent[1:], "abor")
	if !given && !slices.Contains(lastAnswers[command], code) {
		t.Fatalf("%s: %d %q", command, code, text)
	}
	if code == codec.CodeNoConnection {
		if m.offer == nil {
			t.Fatal("an offer that was taken, or none, was not taken in time")
		}
	}
	m.offer = nil
	m.sent = m.sent[1:]
	m.answered++
}

// TestEveryCommandIsAnsweredOnceAndInOrder has a client do anything in any order.
func TestEveryCommandIsAnsweredOnceAndInOrder(t *testing.T) {
	scratch, runs := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		dir := filepath.Join(scratch, strconv.Itoa(runs))
		check2(rt, os.Mkdir(dir, 0o777))
		check2(rt, os.WriteFile(filepath.Join(dir, "a"), []byte("content"), 0o666))
		o := testOptions(dir)
		s := stages(t, 1, o)[0]
		defer s.close()
		m := &statusModel{stage: s, conn: s.hello(), fd: -1}
		rt.Repeat(map[string]func(*rapid.T){
			"command": m.command,
			"take":    m.take,
			"work":    func(*rapid.T) { m.settle() },
			"stranger": func(*rapid.T) {
				_ = unix.Close(m.knock("0123456789abcdef"))
			},
			"wait": func(rt *rapid.T) {
				m.advance(time.Duration(rapid.IntRange(1, 4).Draw(rt, "seconds")) * time.Second)
			},
			"": func(rt *rapid.T) { m.read(rt) },
		})
		// In the end everything is answered, and nothing is held.
		eventually(t, "every answer", func() bool {
			m.advance(time.Second)
			m.read(rt)
			return len(m.sent) == 0 || m.over
		})
		m.hang(m.conn)
		eventually(t, "the end of all transfers", func() bool {
			m.advance(time.Second)
			return len(m.transfers) == 0
		})
		if len(m.keys.offers) > 0 || m.keys.pending.Len() > 0 || len(m.sessions) > 0 {
			rt.Fatalf("%d offers, %d connections without a KEY, %d sessions", len(m.keys.offers),
				m.keys.pending.Len(), len(m.sessions))
		}
	})
}

// check2 is check for rapid, whose T is no testing.TB.
func check2(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
