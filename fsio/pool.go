package fsio

import "sync"

// Job is a piece of work that may wait for a disk. A pointer that the submitter keeps, for
// example to its transfer, costs no allocation.
type Job interface {
	// Run does the work, and hands its outcome back by itself. It runs once.
	Run()
}

// Pool is a fixed number of workers and one queue, first in, first out. The queue has no limit of
// its own: a transfer has at most one job under way, so that the limit on transfers is its
// limit.
type Pool struct {
	mu    sync.Mutex
	ready sync.Cond
	done  sync.WaitGroup

	// Guarded by mu. The queue is a part of room, which is used from its beginning again whenever
	// the queue is empty: then no job costs an allocation.
	jobs    []Job
	room    []Job
	idle    int // Workers that wait.
	live    int // Workers that have not ended.
	closing bool
}

// queueRoom is 1 KiB of memory.
const queueRoom = 64

// NewPool starts the workers, at least one.
func NewPool(workers int) *Pool {
	workers = max(workers, 1)
	p := &Pool{room: make([]Job, 0, queueRoom), live: workers}
	p.jobs = p.room
	p.ready.L = &p.mu
	for range workers {
		p.done.Go(p.work)
	}
	return p
}

// Submit queues a job. It never waits for one, and may be called by the loop and by jobs. It
// panics when the pool has closed, since a lost job would be a transfer that never ends.
func (p *Pool) Submit(j Job) {
	p.mu.Lock()
	if p.live == 0 {
		p.mu.Unlock()
		panic("fsio: Submit to a closed Pool")
	}
	p.jobs = append(p.jobs, j)
	wake := p.idle > 0
	p.mu.Unlock()
	if wake {
		p.ready.Signal()
	}
}

// Yield lets what is queued run before the job that calls it goes on, in its turn behind all of
// that. It returns at once if nothing waits. The job keeps its goroutine, and all that it holds,
// while another goroutine is a worker in its place: so many may have yielded as there are jobs.
func (p *Pool) Yield() {
	p.mu.Lock()
	if len(p.jobs) == 0 {
		p.mu.Unlock()
		return
	}
	next := make(turn)
	p.jobs = append(p.jobs, next)
	p.mu.Unlock()
	p.done.Go(p.work)
	<-next
}

// turn stands in the queue for a job that has yielded. The worker that comes to it ends, and the
// job's goroutine is a worker again.
type turn chan struct{}

// Run implements Job.
func (t turn) Run() { close(t) }

// Close runs everything that is queued, jobs that these submit included, and waits for the
// workers to end. A second Close waits too.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	p.ready.Broadcast()
	p.done.Wait()
}

// work is a worker. A panic in a job ends the program, as everywhere else.
func (p *Pool) work() {
	p.mu.Lock()
	for {
		for len(p.jobs) == 0 {
			p.jobs = p.room
			if p.closing {
				p.live--
				p.mu.Unlock()
				return
			}
			p.idle++
			p.ready.Wait()
			p.idle--
		}
		j := p.jobs[0]
		p.jobs[0] = nil // The job may be the last hold on its transfer.
		p.jobs = p.jobs[1:]
		p.mu.Unlock()
		j.Run()
		if _, replaced := j.(turn); replaced {
			return
		}
		p.mu.Lock()
	}
}
