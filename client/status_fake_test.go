package client

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/codec"
)

// everything is what a server announces that refuses nothing.
const everything = ^codec.Features(0)

// newStatusFake serves the status exchange on a port of its own until the test ends, calling handle
// for each command but hello and quit.
func newStatusFake(t testing.TB, handle func(s *session, q codec.Request)) *fake {
	t.Helper()
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		q, err := codec.ParseRequest([]byte(command))
		if err != nil {
			t.Errorf("the client sent %q: %v", command, err)
		}
		switch q.Verb {
		case codec.VerbHello:
			s.reply(200, string(codec.AppendHello(nil, everything)))
		case codec.VerbQuit:
			s.reply(221, "")
		default:
			handle(s, q)
		}
	})
	f.ownHello.Store(true)
	f.ownQuit.Store(true)
	f.budget.Store(math.MaxInt64)
	return f
}

// reply sends a reply on control.
func (s *session) reply(code int, text string) {
	wire := codec.AppendReply(nil, code, []byte(text))
	if left := s.budget.Add(-int64(len(wire))); left < 0 && left >= -int64(len(wire)) {
		// The byte that breaks the session is in this reply.
		_, _ = s.control.Write(wire[:int64(len(wire))+left])
		_ = s.control.Close()
		s.gone = true
		return
	}
	if cut := int(s.cut.Load()); cut > 0 {
		for ; len(wire) > cut; wire = wire[cut:] {
			_, _ = s.control.Write(wire[:cut])
		}
	}
	_, _ = s.control.Write(wire)
}

// testKey is the KEY of every offer of a fake.
var testKey = codec.NewKey(0x0123456789abcdef)

// offer tells a port and a KEY, and waits for the client with both. rest is the text behind them.
// There is no connection where control has ended.
func (s *session) offer(rest string) *net.TCPConn {
	l := s.listen()
	defer l.Close()
	text := codec.AppendOffer(nil, codec.Offer{
		Port: uint16(portOf(l)), Key: testKey, Size: -1, Total: -1,
	})
	s.reply(150, strings.TrimSpace(string(text)+" "+rest))
	if s.gone {
		return nil
	}
	conn := s.accepted(l)
	key := make([]byte, codec.KeySize)
	if _, err := io.ReadFull(conn, key); err != nil || string(key) != testKey.String() {
		s.t.Logf("the data connection began with %q, %v", key, err)
	}
	return conn
}

// wantAbort waits for abor, and answers it as a server does whose transfer ends so.
func (s *session) wantAbort() {
	command, ok := s.next()
	if !ok || command != "abor" {
		s.t.Errorf("%q came, want abor", command)
		return
	}
	s.reply(426, "aborted")
	s.reply(226, "")
}

// keeper is a server of the status exchange that keeps files and parts in memory. What it is told
// to break breaks once.
type keeper struct {
	*fake
	mu       sync.Mutex
	files    map[string][]byte
	times    map[string]time.Time
	parts    map[codec.PartID]*keptUpload
	features codec.Features
	drawn    uint64
	made     int
	// commands are those that came.
	commands []string
	// The hooks run on the sessions' goroutines. Tests that set them when there are sessions do so
	// in change.
	//
	// refuse answers a command with a code when that is not 0.
	refuse func(q codec.Request) int
	// breaking has a data connection break after so many bytes of content, -1 not at all.
	breaking func(q codec.Request) (after int64, how breakage)
	// before is called when a command has come, and may change what there is.
	before func(q codec.Request)
	// lastCut has control close in place of a transfer's last reply.
	lastCut func(q codec.Request) bool
}

type keptUpload struct {
	name string
	data []byte
}

// breakage is how a data connection breaks.
type breakage int

const (
	byClose breakage = iota
	byReset
	// withControl has control be reset as well, as a killed server does.
	withControl
	breakages
)

func newKeeper(t testing.TB) *keeper {
	k := &keeper{
		files: map[string][]byte{}, times: map[string]time.Time{},
		parts: map[codec.PartID]*keptUpload{}, features: everything,
	}
	f := newFake(t, "127.0.0.1", k.command)
	k.fake = f
	k.budget.Store(math.MaxInt64)
	f.ownHello.Store(true)
	f.ownQuit.Store(true)
	return k
}

// set makes the file a, which is younger each time.
func (k *keeper) set(data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	k.files["a"] = data
	k.times["a"] = time.Date(2026, 1, 2, 3, 4, k.made, 0, time.UTC)
}

// change runs f while no session looks at the keeper.
func (k *keeper) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// get is a file.
func (k *keeper) get(name string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files[name]
}

// asked is the commands since the last call that begin with one of the words.
func (k *keeper) asked(words ...string) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []string
	for _, c := range k.commands {
		word, _, _ := strings.Cut(c, " ")
		if len(words) == 0 || slices.Contains(words, word) {
			list = append(list, c)
		}
	}
	k.commands = nil
	return list
}

func (k *keeper) command(s *session, command string) {
	q, err := codec.ParseRequest([]byte(command))
	if err != nil {
		k.t.Errorf("the client sent %q: %v", command, err)
	}
	k.mu.Lock()
	k.commands = append(k.commands, command)
	before, refuse, features := k.before, k.refuse, k.features
	k.mu.Unlock()
	if before != nil {
		before(q)
	}
	if refuse != nil {
		if code := refuse(q); code != 0 {
			s.reply(code, string(q.Name)+": refused")
			return
		}
	}
	switch q.Verb {
	case codec.VerbHello:
		s.reply(200, string(codec.AppendHello(nil, features))+" unheard-of")
	case codec.VerbQuit:
		s.reply(221, "")
	case codec.VerbGet, codec.VerbGetPart, codec.VerbList:
		k.send(s, q)
	case codec.VerbPut, codec.VerbPutPart:
		k.receive(s, q)
	case codec.VerbAbort:
		s.reply(226, "")
	case codec.VerbNoop:
		s.reply(200, "")
	default:
		k.answer(s, q)
	}
}

// answer is for the commands that move nothing.
func (k *keeper) answer(s *session, q codec.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, there := k.files[string(q.Name)]
	part := k.parts[q.Part]
	switch q.Verb {
	case codec.VerbNewPart:
		k.drawn++
		id := codec.NewKey(k.drawn)
		k.parts[id] = &keptUpload{name: string(q.Name)}
		s.reply(250, id.String())
		return
	case codec.VerbPartSize, codec.VerbPartSum, codec.VerbDropPart:
		if there = part != nil; there {
			data = part.data
		}
	default:
	}
	switch {
	case !there:
		s.reply(550, string(q.Name)+": no such file")
	case q.Verb == codec.VerbDropPart:
		delete(k.parts, q.Part)
		s.reply(250, "")
	case q.Verb == codec.VerbPartSize:
		s.reply(213, string(codec.AppendSize(nil, int64(len(data)))))
	case q.Verb == codec.VerbStat:
		at := k.times[string(q.Name)].Format(time.RFC3339)
		s.reply(213, string(codec.AppendStat(nil, codec.Stat{Size: int64(len(data)), Time: at})))
	default:
		if q.Verb == codec.VerbSumPart {
			end := int64(len(data))
			if q.Length > 0 {
				end = q.Offset + q.Length
			}
			data = data[q.Offset:end]
		}
		sum, _ := LocalSum(context.Background(), q.Algo, bytes.NewReader(data))
		s.reply(213, string(codec.AppendSum(nil, sum)))
	}
}

// breakNow says where the data connection of this command breaks.
func (k *keeper) breakNow(q codec.Request) (int64, breakage) {
	k.mu.Lock()
	breaking := k.breaking
	k.mu.Unlock()
	if breaking == nil {
		return -1, 0
	}
	return breaking(q)
}

// broken breaks connections, and ends the transfer.
func (s *session) broken(conn *net.TCPConn, how breakage) {
	if how == byClose {
		_ = conn.Close()
	} else {
		reset(conn)
	}
	if how == withControl {
		reset(s.control)
		return
	}
	s.reply(426, "data connection lost")
}

// send serves get and getpart.
func (k *keeper) send(s *session, q codec.Request) {
	k.mu.Lock()
	data, there := k.files[string(q.Name)]
	k.mu.Unlock()
	if !there {
		s.reply(550, string(q.Name)+": no such file")
		return
	}
	total := codec.AppendSize(nil, int64(len(data)))
	sizes := string(total)
	if q.Verb == codec.VerbGetPart {
		end := int64(len(data))
		if q.Length > 0 {
			end = min(end, q.Offset+q.Length)
		}
		data = data[q.Offset:end]
		sizes = string(codec.AppendSize(nil, int64(len(data)))) + " " + string(total)
	}
	conn := s.offer(sizes)
	if conn == nil {
		return
	}
	after, how := k.breakNow(q)
	wire := append(codec.AppendField(nil, int64(len(data))), data...)
	if after >= 0 && codec.FieldSize+after <= int64(len(wire)) {
		_, _ = conn.Write(wire[:codec.FieldSize+after])
		s.broken(conn, how)
		return
	}
	finish(conn, string(wire))
	k.last(s, q, len(data))
}

// last is the good last reply, unless control is to close in its place.
func (k *keeper) last(s *session, q codec.Request, n int) {
	k.mu.Lock()
	cut := k.lastCut
	k.mu.Unlock()
	if cut != nil && cut(q) {
		reset(s.control)
		return
	}
	s.reply(226, string(codec.AppendSize(nil, int64(n))))
}

// receive serves put and putpart.
func (k *keeper) receive(s *session, q codec.Request) {
	k.mu.Lock()
	part := k.parts[q.Part]
	k.mu.Unlock()
	if q.Verb == codec.VerbPutPart {
		switch {
		case part == nil:
			s.reply(550, "no such part")
			return
		case int64(len(part.data)) != q.Offset:
			s.reply(554, "the part is not that long")
			return
		}
	}
	conn := s.offer("")
	if conn == nil {
		return
	}
	field := make([]byte, codec.FieldSize)
	_, err := io.ReadFull(conn, field)
	n, _ := codec.ParseField(field)
	after, how := k.breakNow(q)
	breaks := after >= 0 && after <= n
	var got bytes.Buffer
	if err == nil {
		most := n
		if breaks {
			most = after
		}
		_, err = io.CopyN(&got, conn, most)
	}
	k.mu.Lock()
	whole := err == nil && !breaks
	name, total := string(q.Name), n
	if q.Verb == codec.VerbPutPart {
		part.data = append(part.data, got.Bytes()...)
		name, total = part.name, q.Total
		whole = whole && int64(len(part.data)) == total
	}
	if whole {
		data := got.Bytes()
		if part != nil {
			data = part.data
			delete(k.parts, q.Part)
		}
		k.files[name], k.times[name] = data, time.Now()
	}
	k.mu.Unlock()
	switch {
	case breaks || err != nil:
		s.broken(conn, how)
	case whole:
		_ = conn.Close()
		k.last(s, q, int(total))
	default:
		_ = conn.Close()
		s.reply(250, string(codec.AppendSize(nil, int64(len(part.data)))))
	}
}
