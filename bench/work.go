package bench

import (
	"math/rand/v2"
	"strconv"

	"github.com/zeebo/xxh3"
)

// jobSource gives jobs to clients, by their index in the share.
type jobSource interface {
	next(client int) (job, bool)
	// done tells the end of a job that was started.
	done(client int, j *job, err error)
}

// mix is what all clients of a share have in common.
type mix struct {
	Scenario
	prefix string // of every name
	seed   uint64
	files  []job // that all clients get; the slow readers' file is the last
	shared int   // files of clients that are not slow
	folder string
}

func newMix(s Scenario, prefix string, seed uint64) *mix {
	m := &mix{Scenario: s, prefix: prefix, seed: seed, shared: s.Files}
	for i, size := range s.Sizes.files(s.Files) {
		m.files = append(m.files, m.file("f"+strconv.Itoa(i), uint64(i), size))
	}
	if s.SlowReaders > 0 {
		m.files = append(m.files, m.file("slow", 1<<32, s.SlowSize))
	}
	return m
}

// file is a job that gets a file of all clients. Its content depends on the prefix, not on the
// turn's seed, so that it is stored once for all turns.
func (m *mix) file(name string, key uint64, size int64) job {
	j := job{
		kind: KindGet, name: m.prefix + name, size: size,
		key: spread(key ^ xxh3.HashString(m.prefix)),
	}
	j.sum = sumOf(j.key, size)
	return j
}

// slowFile is the file that slow readers get.
func (m *mix) slowFile() job { return m.files[len(m.files)-1] }

// slowPut is a slow sender's nth put.
func (m *mix) slowPut(client int, nth uint64) job {
	return job{
		kind: KindPut, name: m.prefix + "s" + strconv.Itoa(client), size: m.SlowSize,
		key: spread(nth + uint64(client)<<32),
	}
}

// work draws one client's jobs from its number and the turn's seed alone, so that every target gets
// the same ones.
type work struct {
	mix    *mix
	client int
	random rand.PCG
	nth    int64
	puts   int64 // that were started
	// kept is the last put that succeeded and was not fetched yet, as a get.
	kept  job
	names []string // that the client puts to, made when first needed
}

// works are the jobs of a share's clients.
type works []work

func newWorks(m *mix, s *share) works {
	all := make(works, s.Clients)
	for i := range all {
		w := &all[i]
		w.mix, w.client = m, s.First+i*max(s.Stride, 1)
		w.random.Seed(spread(m.seed), spread(uint64(w.client)+1))
	}
	return all
}

func (w works) next(client int) (job, bool) { return w[client].next(), true }

func (w works) done(client int, j *job, err error) {
	if j.kind != KindPut {
		return
	}
	kept := &w[client].kept
	*kept = job{} // after a failure the content of the name is unknown
	if err == nil {
		*kept = job{kind: KindGet, name: j.name, size: j.size, key: j.key}
	}
}

// kept are gets of the last puts that were not fetched yet, at most so many.
func (w works) kept(most int) []job {
	var jobs []job
	for i := range w {
		if j := w[i].kept; j.name != "" && len(jobs) < most {
			j.sum = sumOf(j.key, j.size)
			jobs = append(jobs, j)
		}
	}
	return jobs
}

func (w *work) next() job {
	w.nth++
	m := w.mix
	if m.Storm {
		return job{kind: KindConnect}
	}
	r := rand.New(&w.random)
	switch at := r.IntN(m.Gets + m.Puts + m.Lists); {
	case at < m.Gets:
		return w.get(r)
	case at < m.Gets+m.Puts:
		return w.put(r)
	default:
		return job{kind: KindList, name: m.folder}
	}
}

// get fetches what the client put last, so that every put followed by a get is checked, or else a
// file that all clients get.
func (w *work) get(r *rand.Rand) job {
	if w.kept.name == "" {
		return w.mix.files[r.IntN(w.mix.shared)]
	}
	j := w.kept
	w.kept = job{}
	j.sum = sumOf(j.key, j.size)
	return j
}

func (w *work) put(r *rand.Rand) job {
	slot := int(w.puts % int64(w.mix.Names))
	if slot == len(w.names) {
		w.names = append(w.names, w.mix.prefix+"c"+strconv.Itoa(w.client)+"-"+strconv.Itoa(slot))
	}
	w.puts++
	return job{
		kind: KindPut, name: w.names[slot], size: w.mix.Sizes.draw(w.client, w.puts, r),
		key: spread(w.mix.seed + spread(uint64(w.client)<<32+uint64(w.nth))),
	}
}

// jobList gives each of its jobs to the client that asks first.
type jobList struct {
	jobs []job
	at   int
}

func (l *jobList) next(int) (job, bool) {
	if l.at == len(l.jobs) {
		return job{}, false
	}
	l.at++
	return l.jobs[l.at-1], true
}

func (*jobList) done(int, *job, error) {}

// spread maps close numbers to distant ones (the finalizer of SplitMix64).
func spread(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
