package bench

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// op is what a transfer does.
type op uint8

const (
	opPut op = iota
	opGet
	opCount
)

// String is the operation's word.
func (o op) String() string { return [opCount]string{"put", "get"}[o] }

const (
	// latencyMax is the longest time that a histogram tells from a longer one.
	latencyMax = 10 * time.Minute
	// latencyDigits is how many digits of a time are kept: its error is below a thousandth.
	latencyDigits = 3
)

// figures are those of one kind of transfer.
type figures struct {
	transfers   int64
	bytes       int64
	unconfirmed int64
	latency     *hdrhistogram.Histogram // in microseconds
}

func newFigures() figures {
	return figures{latency: hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)}
}

func (f *figures) add(other *figures) {
	f.transfers += other.transfers
	f.bytes += other.bytes
	f.unconfirmed += other.unconfirmed
	f.latency.Merge(other.latency)
}

// record gathers what the workers of a run see. It is split in shards, each with a lock of its own:
// one histogram for each of thousands of workers would take gigabytes, one for all a queue.
type record struct{ shards []shard }

type shard struct {
	mu       sync.Mutex
	figures  [opCount]figures
	failures failures
}

func newRecord() *record {
	r := &record{shards: make([]shard, 4*runtime.GOMAXPROCS(0))}
	for i := range r.shards {
		for o := range opCount {
			r.shards[i].figures[o] = newFigures()
		}
		r.shards[i].failures = failures{}
	}
	return r
}

// transfer counts one that went well.
func (r *record) transfer(worker int, o op, took time.Duration, bytes int64, unconfirmed bool) {
	s := &r.shards[worker%len(r.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.figures[o]
	f.transfers++
	f.bytes += bytes
	if unconfirmed {
		f.unconfirmed++
	}
	// The range holds every clamped value, so there is no error to see.
	_ = f.latency.RecordValue(min(took, latencyMax).Microseconds())
}

// fail counts one that did not.
func (r *record) fail(worker int, err error) {
	s := &r.shards[worker%len(r.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures.add(err)
}

// total merges the shards.
func (r *record) total() (sums [opCount]figures, all failures) {
	all = failures{}
	for o := range opCount {
		sums[o] = newFigures()
	}
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for o := range opCount {
			sums[o].add(&s.figures[o])
		}
		all.merge(s.failures)
		s.mu.Unlock()
	}
	return sums, all
}
