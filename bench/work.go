package bench

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
)

// work is what a client has to do: it deals out one job after another. Every target gets the same
// jobs, since they are drawn from the client's number and the turn's seed alone. Its driver's
// goroutine owns it.
type work struct {
	mix    *mix
	client int
	random rand.PCG
	nth    int64
	// puts counts the client's puts that were begun. kept is the last one that went well and has
	// not been got yet.
	puts int64
	kept job
	// names are those that the client puts to, made when they are first needed.
	names []string
}

// mix is what all works of a share have in common.
type mix struct {
	Scenario
	prefix string
	seed   uint64
	// files are those that all clients get.
	files []job
	total int // of the weights
	// folder is the one that is listed; empty for that in which a session begins.
	folder string
}

// newMix prepares the work of a scenario. prefix begins every name.
func newMix(s Scenario, prefix string, seed uint64) *mix {
	m := &mix{Scenario: s, prefix: prefix, seed: seed, total: s.Gets + s.Puts + s.Lists}
	for i, size := range s.Sizes.files(s.files()) {
		m.files = append(m.files, m.file("f"+strconv.Itoa(i), uint64(i), size))
	}
	if s.SlowReaders > 0 {
		m.files = append(m.files, m.file("slow", 1<<32, s.SlowSize))
	}
	return m
}

// file is a job that gets a file which all clients share. Its content depends on its name alone.
func (m *mix) file(name string, key uint64, size int64) job {
	j := job{kind: KindGet, name: m.prefix + name, size: size, key: mixed(key ^ m.fileSeed())}
	j.sum = sumOf(j.key, size)
	return j
}

// fileSeed is the same in all turns of a run, so that its files are put once.
func (m *mix) fileSeed() uint64 { return xxh3.HashString(m.prefix) }

// slowFile is the file that slow readers get.
func (m *mix) slowFile() job { return m.files[len(m.files)-1] }

// slowPut is a slow sender's put of a number: that of the client, and how many it made before.
func (m *mix) slowPut(client int, nth uint64) job {
	return job{
		kind: KindPut, name: m.prefix + "s" + strconv.Itoa(client), size: m.SlowSize,
		key: mixed(nth + uint64(client)<<32),
	}
}

// shared is how many files all clients get, without the slow readers' one.
func (m *mix) shared() int {
	if m.SlowReaders > 0 {
		return len(m.files) - 1
	}
	return len(m.files)
}

// slowPeriod is the time between two reads or writes of a slow client.
const slowPeriod = 500 * time.Millisecond

func newWork(m *mix, client int) work {
	w := work{mix: m, client: client}
	w.random.Seed(mixed(m.seed), mixed(uint64(client)+1))
	return w
}

// next is the client's next job.
func (w *work) next() job {
	w.nth++
	if w.mix.Storm {
		return job{kind: KindConnect}
	}
	r := rand.New(&w.random)
	switch at := r.IntN(w.mix.total); {
	case at < w.mix.Gets:
		return w.get(r)
	case at < w.mix.Gets+w.mix.Puts:
		return w.put(r)
	default:
		return job{kind: KindList, name: w.mix.folder}
	}
}

// get takes back what the client put last, so that every put is looked at that a get follows, or
// else a file that all clients get.
func (w *work) get(r *rand.Rand) job {
	if w.kept.name != "" {
		j := w.kept
		w.kept = job{}
		j.sum = sumOf(j.key, j.size)
		return j
	}
	return w.mix.files[r.IntN(w.mix.shared())]
}

func (w *work) put(r *rand.Rand) job {
	slot := int(w.puts % int64(w.mix.names()))
	if slot == len(w.names) {
		w.names = append(w.names, w.mix.prefix+"c"+strconv.Itoa(w.client)+"-"+strconv.Itoa(slot))
	}
	w.puts++
	key := mixed(w.mix.seed + mixed(uint64(w.client)<<32+uint64(w.nth)))
	return job{
		kind: KindPut, name: w.names[slot], key: key,
		size: w.mix.Sizes.draw(w.client, w.puts, r),
	}
}

// done says how a job ended.
func (w *work) done(j *job, err error) {
	if j.kind != KindPut {
		return
	}
	w.kept = job{} // what lies under the name after a failure is not known
	if err == nil {
		w.kept = job{kind: KindGet, name: j.name, size: j.size, key: j.key}
	}
}

// mixed spreads a number's bits, so that numbers that are close give keys that are not. (The
// finalizer of SplitMix64.)
func mixed(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
