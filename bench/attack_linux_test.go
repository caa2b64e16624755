package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/perf/benchmath"
	"golang.org/x/sys/unix"

	"ferry/codec"
)

const (
	attackersEach = 1000
	// guessEvery is how often each of those who guess tries a password.
	guessEvery = time.Second
	// attackHeapMax is what the heap may keep of an attack, in bytes: room that maps and lists had.
	attackHeapMax = 1 << 20
)

// attack is clients that stop in their ClientHello, and clients that guess a password.
type attack struct {
	end func()
	// guesses are those that were answered.
	guesses atomic.Int64
}

// holdSecured runs a server with users and TLS, where who has not logged in may do everything.
func holdSecured(t testing.TB) *held {
	t.Helper()
	folder := diskFolder(t)
	users := filepath.Join(folder, "users")
	c := exec.Command(serverProgram(t), "user", "add", "ann", "--users", users)
	c.Stdin = strings.NewReader("pencil\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(users)
	if err == nil {
		err = os.WriteFile(users, append(text, "* : - : /:rw\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return hold(t, "--users", users, "--plain-passwords", "--tls", "allow", "--state", folder)
}

// beginAttack begins an attack from one address, and returns once every attacker is connected.
func beginAttack(t testing.TB, h *held, each int) *attack {
	t.Helper()
	var a attack
	ctx, stop := context.WithCancel(context.Background())
	var running, connected sync.WaitGroup
	for range each {
		for _, do := range []func(ctx context.Context, c net.Conn, connected func()) error{
			stopInHello, a.guess,
		} {
			connected.Add(1)
			running.Go(func() {
				once := sync.OnceFunc(connected.Done)
				defer once()
				act := func(c net.Conn) error { return do(ctx, c, once) }
				for h.attacker(ctx, act) == nil {
				}
			})
		}
	}
	connected.Wait()
	a.end = func() {
		stop()
		running.Wait()
	}
	return &a
}

// attacker makes one connection. An error means that the attack is over.
func (h *held) attacker(ctx context.Context, do func(c net.Conn) error) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}
	c, err := d.DialContext(ctx, "tcp4", h.Address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer c.Close()
	return do(c)
}

// stopInHello sends the first half of a ClientHello, and waits for the server's patience to end.
func stopInHello(ctx context.Context, c net.Conn, connected func()) error {
	_, err := c.Write(append([]byte{0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3}, make([]byte, 100)...))
	connected()
	if err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
	return ctx.Err()
}

// guess tries wrong passwords, one a second or as fast as the server answers.
func (a *attack) guess(ctx context.Context, c net.Conn, connected func()) error {
	in := bufio.NewReader(c)
	ask := func(q codec.Request) (text string, err error) {
		wire, err := codec.AppendRequest(nil, q)
		if err == nil {
			_, err = c.Write(wire)
		}
		var field [codec.FieldSize]byte
		if err == nil {
			_, err = io.ReadFull(in, field[:])
		}
		n, bad := codec.ParseField(field[:])
		reply := make([]byte, max(n, 0))
		if err = errors.Join(err, bad); err == nil {
			_, err = io.ReadFull(in, reply)
		}
		_, text, _ = strings.Cut(string(reply), " ")
		return text, err
	}
	_, err := ask(codec.Request{Verb: codec.VerbHello})
	connected()
	every := time.NewTicker(guessEvery)
	defer every.Stop()
	for err == nil {
		text, failed := ask(codec.Request{
			Verb: codec.VerbAuth, Mechanism: codec.MechanismScram,
			Message: []byte("n,,n=ann,r=attacker"),
		})
		challenge, _ := codec.ParseMessage([]byte(text))
		nonce, _, _ := bytes.Cut(challenge, []byte(","))
		proof := base64.StdEncoding.EncodeToString(make([]byte, 32))
		final := fmt.Sprintf("c=biws,%s,p=%s", nonce, proof)
		if err = failed; err == nil {
			_, err = ask(codec.Request{Verb: codec.VerbAuth, Message: []byte(final)})
			a.guesses.Add(1)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// heap is what the server's heap holds after a collection, in bytes.
func (h *held) heap(t testing.TB) (bytes int64) {
	t.Helper()
	lines := func() (found []string) {
		text, err := os.ReadFile(h.log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"heap_bytes"`) && strings.HasSuffix(line, "\n") {
				found = append(found, line)
			}
		}
		return found
	}
	before := len(lines())
	if err := unix.Kill(h.PID, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	settle(t, "the server tells its heap", func() bool { return len(lines()) > before })
	var fields struct {
		Heap int64 `json:"heap_bytes"`
	}
	if err := json.Unmarshal([]byte(lines()[before]), &fields); err != nil {
		t.Fatal(err)
	}
	return fields.Heap
}

// TestAttackersLeaveNothing: what a thousand stopped handshakes and a thousand guessers held comes
// back, and others get and put meanwhile.
func TestAttackersLeaveNothing(t *testing.T) {
	h := holdSecured(t)
	h.write(t, besideFileName, floorFile())
	others(t, h)
	warm := beginAttack(t, h, attackersEach) // maps and lists keep the room that they had once
	warm.end()
	rest := func() int {
		last := -1
		settle(t, "descriptors come to rest", func() bool {
			n := h.descriptors(t)
			same := n == last && n < attackersEach
			last = n
			return same
		})
		return last
	}
	descriptors, heap := rest(), h.heap(t)
	a := beginAttack(t, h, attackersEach)
	busy := h.heap(t)
	for range 100 {
		others(t, h)
	}
	settle(t, "guesses are answered", func() bool { return a.guesses.Load() > 0 })
	a.end()
	after, left := rest(), h.heap(t)
	t.Logf("heap %d KiB, %d in the attack, %d after; descriptors %d, %d after; %d guesses",
		heap>>10, busy>>10, left>>10, descriptors, after, a.guesses.Load())
	if after > descriptors || left > heap+attackHeapMax {
		t.Error("the attack has left something")
	}
}

// BenchmarkBesideAttackers compares the p99 of one client alone with that of the same client among
// 1,000 clients that stop in their ClientHello, and 1,000 that guess a password each second:
//
//	go test ./bench -run '^$' -bench BesideAttackers -benchtime 10x
func BenchmarkBesideAttackers(b *testing.B) {
	h := holdSecured(b)
	h.write(b, besideFileName, floorFile())
	d, err := newDriver(h.Address, 1, floorFile())
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	p99 := func() float64 {
		r := d.loop.do(context.Background(), d.jobs, span{length: besideTurn})
		if n := r.turn.ErrorCount(); n > 0 {
			b.Fatalf("%d errors", n)
		}
		return float64(r.turn.Tally(KindGet).Latency.Percentile(99))
	}
	p99() // warm
	var alone, among, ratios []float64
	guesses := int64(0)
	for b.Loop() {
		var pair [2]float64
		for i := range pair {
			if with := (i + len(alone)) % 2; with == 0 {
				pair[0] = p99()
				continue
			}
			a := beginAttack(b, h, attackersEach)
			pair[1] = p99()
			a.end()
			guesses += a.guesses.Load()
			settle(b, "attackers gone", func() bool { return h.descriptors(b) < attackersEach })
		}
		alone, among = append(alone, pair[0]), append(among, pair[1])
		ratios = append(ratios, pair[1]/pair[0])
	}
	c := benchmath.AssumeNothing.Compare(sample(alone), sample(among))
	r := median(ratios)
	fmt.Fprintf(os.Stderr, "\np99 alone %.0f µs, beside attackers %.0f µs (%v); pair by pair %.3f "+
		"(%.3f to %.3f), p = %.3g by signed ranks; %d guesses\n", median(alone).Center,
		median(among).Center, c, r.Center, r.Lo, r.Hi, signedRanks(ratios), guesses)
	b.ReportMetric(r.Center, "ratio")
	b.ReportMetric(signedRanks(ratios), "p")
	b.ReportMetric(0, "ns/op") // a turn's length says nothing
}
