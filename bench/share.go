package bench

import (
	"context"
	"sync/atomic"
	"time"
)

// share is the part of a turn that one driver has. It holds no pointer, so that it can be told to
// another process.
type share struct {
	Site     Site
	Scenario Scenario
	// Prefix begins every file's name, Seed every draw of the turn.
	Prefix string
	Seed   uint64
	// Clients is how many make transfers. The share's client i is number First+i*Stride of all.
	Clients, First, Stride int
	// Rate is that of all shares together, 0 in a closed loop.
	Rate float64
	// Sources is how many addresses clients come from, 0 the system's choice.
	Sources int
	// Timeout bounds the wait for an answer or the next byte.
	Timeout time.Duration
	// Ramp is the time over which sessions are opened.
	Ramp time.Duration
}

// team is a share's clients, and what drives them. One call runs at a time.
type team interface {
	// connect opens the sessions, and begins what stands beside the load. What fails is in the
	// next record.
	connect(ctx context.Context)
	// run has the clients work on what they are dealt until the window is over and every transfer
	// that was begun has ended. A context that ends breaks those off.
	run(ctx context.Context, d dealer, w window) *record
	// close ends all sessions.
	close(ctx context.Context)
}

// dealer deals jobs to clients, by their place in the share. Each client's jobs are asked for and
// reported by one goroutine, not always the same one for all clients.
type dealer interface {
	next(client int) (job, bool)
	done(client int, j *job, err error)
}

// window is a time in which jobs are begun.
type window struct {
	// length is how long; 0 means until the jobs are used up.
	length time.Duration
	// budget, unless nil, is how many jobs may still be begun by all.
	budget *atomic.Int64
	// failed counts errors, for all; more than failedMax, unless that is 0, call stop.
	failed    *atomic.Int64
	failedMax int64
	stop      context.CancelFunc
	// open says that jobs begin by the share's rate; otherwise each client begins one when its
	// last has ended.
	open bool
	// progress, unless nil, is told what ended.
	progress *progress
}

// take says whether one more job may be begun.
func (w *window) take() bool { return w.budget == nil || w.budget.Add(-1) >= 0 }

// fail counts an error and stops everything when there are too many.
func (w *window) fail() {
	if w.progress != nil {
		w.progress.errors.Add(1)
	}
	if w.failed == nil {
		return
	}
	if n := w.failed.Add(1); w.failedMax > 0 && n > w.failedMax && w.stop != nil {
		w.stop()
	}
}

// progress is what a live line shows. Every driver adds to it.
type progress struct{ transfers, bytes, errors atomic.Int64 }

// works deals what a scenario asks for.
type works []work

func newWorks(m *mix, s *share) works {
	all := make(works, s.Clients)
	for i := range all {
		all[i] = newWork(m, s.First+i*max(s.Stride, 1))
	}
	return all
}

func (w works) next(client int) (job, bool) { return w[client].next(), true }

func (w works) done(client int, j *job, err error) { w[client].done(j, err) }

// kept are the last puts that nobody has got yet, as gets of at most so many.
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

// jobList deals each of its jobs to whoever comes first.
type jobList struct {
	jobs []job
	at   atomic.Int64
}

func (l *jobList) next(int) (job, bool) {
	if nth := int(l.at.Add(1)) - 1; nth < len(l.jobs) {
		return l.jobs[nth], true
	}
	return job{}, false
}

func (*jobList) done(int, *job, error) {}
