package bench

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/zeebo/xxh3"
)

// jobSource gives jobs to clients, by their index in the share.
type jobSource interface {
	next(client int) (job, bool)
	// done tells the end of a job that was started.
	done(client int, j *job, err error)
}

// mix is the work on a server that all turns and clients have in common. It does not change, so
// all loops share it.
type mix struct {
	Scenario
	prefix string // of every name
	folder string // to list
	files  []job  // that all clients get
}

// newMix hashes the files. Their content depends on the prefix, not on a turn's seed, so that they
// are stored once for all turns.
func newMix(s Scenario, site *Site, prefix string) *mix {
	m := &mix{
		Scenario: s, prefix: site.prefix(prefix), folder: strings.TrimSuffix(site.prefix(""), "/"),
	}
	for i := range s.Files {
		j := job{
			kind: KindGet, name: m.prefix + "f" + strconv.Itoa(i), size: s.Sizes[i%len(s.Sizes)],
			key: spread(uint64(i) ^ xxh3.HashString(m.prefix)),
		}
		j.sum = sumOf(j.key, j.size)
		m.files = append(m.files, j)
	}
	return m
}

// puts store the files that all clients get.
func (m *mix) puts() *jobList {
	puts := &jobList{slices.Clone(m.files)}
	for i := range puts.jobs {
		puts.jobs[i].kind = KindPut
	}
	return puts
}

// work draws one client's jobs from its number and the turn's seed alone, so that every target gets
// the same ones.
type work struct {
	mix    *mix
	client int
	seed   uint64
	random rand.PCG
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
		w.mix, w.client, w.seed = m, s.First+i*max(s.Stride, 1), s.Seed
		w.random.Seed(spread(w.seed), spread(uint64(w.client)+1))
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

// kept are gets of the last puts that were not fetched yet, limited to a number.
func (w works) kept(most int) *jobList {
	var gets jobList
	for i := range w {
		if j := w[i].kept; j.name != "" && len(gets.jobs) < most {
			j.sum = sumOf(j.key, j.size)
			gets.jobs = append(gets.jobs, j)
		}
	}
	return &gets
}

func (w *work) next() job {
	m := w.mix
	if m.Storm {
		return job{kind: KindConnect}
	}
	r := rand.New(&w.random)
	switch at := r.IntN(m.Gets + m.Puts + m.Lists); {
	case at < m.Gets:
		return w.get(r)
	case at < m.Gets+m.Puts:
		return w.put()
	default:
		return job{kind: KindList, name: m.folder}
	}
}

// get fetches what the client put last, so that every put followed by a get is checked, or else a
// file that all clients get.
func (w *work) get(r *rand.Rand) job {
	if w.kept.name == "" {
		return w.mix.files[r.IntN(len(w.mix.files))]
	}
	j := w.kept
	w.kept = job{}
	j.sum = sumOf(j.key, j.size)
	return j
}

func (w *work) put() job {
	slot := int(w.puts % int64(w.mix.Names))
	if slot == len(w.names) {
		w.names = append(w.names, w.mix.prefix+"c"+strconv.Itoa(w.client)+"-"+strconv.Itoa(slot))
	}
	w.puts++
	sizes := w.mix.Sizes
	return job{
		kind: KindPut, name: w.names[slot],
		size: sizes[(int64(w.client)+w.puts)%int64(len(sizes))],
		key:  spread(w.seed + spread(uint64(w.client)<<32+uint64(w.puts))),
	}
}

// jobList gives each of its jobs to the client that asks first.
type jobList struct{ jobs []job }

func (l *jobList) next(int) (job, bool) {
	if len(l.jobs) == 0 {
		return job{}, false
	}
	first := l.jobs[0]
	l.jobs = l.jobs[1:]
	return first, true
}

func (*jobList) done(int, *job, error) {}

// spread maps close numbers to distant ones (the finalizer of SplitMix64).
func spread(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
