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

	// Guarded by mu. The queue is a ring whose length is a power of two: jobs[first] is next.
	jobs    []Job
	first   int
	count   int
	idle    int // Workers that wait.
	live    int // Workers that have not ended.
	closing bool
}

// queueLengthMin is the ring's first length: 1 KiB of memory.
const queueLengthMin = 64

// NewPool starts the workers, at least one.
func NewPool(workers int) *Pool {
	workers = max(workers, 1)
	p := &Pool{jobs: make([]Job, queueLengthMin), live: workers}
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
	p.put(j)
	wake := p.idle > 0
	p.mu.Unlock()
	if wake {
		p.ready.Signal()
	}
}

// put stores a job at the queue's end. The caller holds mu.
func (p *Pool) put(j Job) {
	if p.count == len(p.jobs) {
		p.grow()
	}
	p.jobs[(p.first+p.count)&(len(p.jobs)-1)] = j
	p.count++
}

// Yield lets what is queued run before the job that calls it goes on, in its turn behind all of
// that. It returns at once if nothing waits. The job keeps its goroutine, and all that it holds,
// while another goroutine is a worker in its place: so many may have yielded as there are jobs.
func (p *Pool) Yield() {
	p.mu.Lock()
	if p.count == 0 {
		p.mu.Unlock()
		return
	}
	next := make(turn)
	p.put(next)
	p.mu.Unlock()
	p.done.Go(p.work)
	<-next
}

// turn stands in the queue for a job that has yielded. The worker that comes to it ends, and the
// job's goroutine is a worker again.
type turn chan struct{}

// Run implements Job.
func (t turn) Run() { close(t) }

// grow doubles the ring, in order.
func (p *Pool) grow() {
	jobs := make([]Job, 2*len(p.jobs))
	n := copy(jobs, p.jobs[p.first:])
	copy(jobs[n:], p.jobs[:p.first])
	p.jobs, p.first = jobs, 0
}

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
		for p.count == 0 {
			if p.closing {
				p.live--
				p.mu.Unlock()
				return
			}
			p.idle++
			p.ready.Wait()
			p.idle--
		}
		j := p.jobs[p.first]
		p.jobs[p.first] = nil // The job may be the last hold on its transfer.
		p.first = (p.first + 1) & (len(p.jobs) - 1)
		p.count--
		p.mu.Unlock()
		j.Run()
		if _, replaced := j.(turn); replaced {
			return
		}
		p.mu.Lock()
	}
}
