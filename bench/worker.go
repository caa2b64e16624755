package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"

	"ferry/client"
)

const (
	// After an error a worker rests, twice as long each time, so that a server that is gone is
	// not flooded with attempts.
	restMin = 5 * time.Millisecond
	restMax = time.Second
	// quitMax is how long a session's orderly end may take once the figures are taken.
	quitMax = 5 * time.Second
)

// errMismatch means that other bytes came than were put.
var errMismatch = errors.New("other content than was put")

// worker is one client of a run. Its goroutine owns it.
type worker struct {
	run    *run
	index  int
	client *client.Client // nil while there is no session
	names  []string       // one for each size
	rounds uint64
	rest   time.Duration

	content payload
	got     hashWriter
}

func newWorker(r *run, index int) *worker {
	w := &worker{run: r, index: index, names: make([]string, len(r.Sizes))}
	for i, size := range r.Sizes {
		w.names[i] = fmt.Sprintf("%s%d-%d", r.Prefix, index, size)
		if i > 0 {
			w.names[i] += "-" + strconv.Itoa(i)
		}
	}
	return w
}

// dial makes a session, and says whether there is one.
func (w *worker) dial(ctx context.Context) bool {
	c, err := client.Dial(ctx, w.run.Address, client.Options{
		Exchange:     client.Base,
		DialTimeout:  w.run.Timeout,
		ReplyTimeout: w.run.Timeout,
		StallTimeout: w.run.Timeout,
		LocalAddr:    w.run.source(w.index),
	})
	if err != nil {
		w.fail(ctx, err)
		return false
	}
	w.client = c
	return true
}

// work puts and gets until the run is over.
func (w *worker) work(ctx context.Context) {
	for w.run.more(ctx) {
		if w.client == nil && !w.dial(ctx) {
			continue
		}
		size := (w.index + int(w.rounds)) % len(w.names)
		w.rounds++
		sum, ok := w.put(ctx, size)
		for n := 0; ok && n < w.run.Gets && w.run.more(ctx); n++ {
			ok = w.get(ctx, size, sum)
		}
	}
}

// put stores the round's file and gives the hash of its content.
func (w *worker) put(ctx context.Context, size int) (xxh3.Uint128, bool) {
	// Odd multipliers keep the keys of two workers, or two rounds, apart.
	key := w.run.seed + uint64(w.index)*0x9e3779b97f4a7c15 + w.rounds*0xc2b2ae3d27d4eb4f
	w.content.begin(key, w.run.Sizes[size])
	begin := time.Now()
	stored, err := w.client.Put(ctx, w.names[size], &w.content, w.run.Sizes[size])
	if err != nil {
		w.fail(ctx, err)
		return xxh3.Uint128{}, false
	}
	w.rest = 0
	w.run.record.transfer(w.index, opPut, time.Since(begin), w.content.at,
		stored == client.Unconfirmed)
	return w.content.sum(), true
}

// get fetches the round's file and compares it with what was put.
func (w *worker) get(ctx context.Context, size int, sum xxh3.Uint128) bool {
	name, want := w.names[size], w.run.Sizes[size]
	w.got.digest.Reset()
	begin := time.Now()
	n, err := w.client.Get(ctx, name, &w.got)
	took := time.Since(begin)
	// PROTOCOL, Base exchange: a size of 0 is all that is told of an empty file.
	if want == 0 && errors.Is(err, client.ErrNothingSent) {
		err = nil
	}
	if err == nil && (n != want || w.got.digest.Sum128() != sum) {
		err = fmt.Errorf("%s: %w: %d bytes of hash %x, not %d of %x", name, errMismatch, n,
			w.got.digest.Sum128().Bytes(), want, sum.Bytes())
	}
	if err != nil {
		w.fail(ctx, err)
		return false
	}
	w.rest = 0
	w.run.record.transfer(w.index, opGet, took, n, false)
	return true
}

// fail counts an error, gives the session up, since what would come on it is unknown, and rests.
// What fails because the run ends is no error of the server's.
func (w *worker) fail(ctx context.Context, err error) {
	if w.client != nil {
		_ = w.client.Close()
		w.client = nil
	}
	if ctx.Err() != nil {
		return
	}
	w.run.fail(w.index, err)
	w.rest = min(max(2*w.rest, restMin), restMax)
	rest := time.NewTimer(w.rest)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
}

// quit ends the session in order.
func (w *worker) quit() {
	if w.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), quitMax)
	defer cancel()
	_ = w.client.Quit(ctx)
	_ = w.client.Close()
}
