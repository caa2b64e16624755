package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ferry/codec"
)

// Scenario is what the clients do to a server. Each client has a session of its own, in which it
// puts a file, gets it Gets times, and goes on with the next size, until time or number is up.
type Scenario struct {
	// Address is the server's, as HOST:PORT.
	Address string
	// Clients is the number of sessions at once: 1 or more.
	Clients int
	// Duration is how long clients begin transfers; those that run then are finished. 0 means
	// no end but Transfers.
	Duration time.Duration
	// Transfers is how many transfers are begun in all. 0 means no end but Duration.
	Transfers int64
	// Sizes are the files' sizes in bytes, taken in turn. A size of 0 is put, and got as the
	// "nothing sent" that is all the base exchange can say.
	Sizes []int64
	// Gets is how often each file is got after it was put: 0 or more.
	Gets int
	// Sources spreads the clients over that many addresses, 127.0.0.1 and what follows it. 0
	// means the system's choice; more than 1 needs a server on an IPv4 loopback address.
	Sources int
	// Timeout bounds the wait for an answer or the next byte. 0 means 30 s.
	Timeout time.Duration
	// ErrorsMax ends the run once there are more errors: the rest would tell nothing new. 0
	// means no bound.
	ErrorsMax int64
	// Prefix begins the name of every file put. Empty means one drawn at random.
	Prefix string
	// ServerPID is the server's process, for its processor time. 0 means not known.
	ServerPID int
}

const (
	timeoutDefault = 30 * time.Second
	// sourcesMax is the number of addresses in 127.0.0.0/8, network and broadcast left out.
	sourcesMax = 1<<24 - 2
	// dialsMax is how many clients connect at once, well below the accept queue of any server.
	dialsMax = 128
)

// Validate returns every fault at once. No address is no fault: a Plan finds one.
func (s *Scenario) Validate() error {
	var faults []error
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	fault(s.Clients < 1, "fewer than one client")
	fault(s.Duration < 0, "a negative duration")
	fault(s.Transfers < 0, "a negative number of transfers")
	fault(s.Duration == 0 && s.Transfers == 0, "neither a duration nor a number of transfers")
	fault(len(s.Sizes) == 0, "no file size")
	for _, size := range s.Sizes {
		fault(size < 0 || size > codec.FieldMax,
			fmt.Sprintf("a file of %d bytes does not fit a field", size))
	}
	fault(s.Gets < 0, "a negative number of gets")
	fault(s.Sources < 0 || s.Sources > sourcesMax, "sources outside 127.0.0.0/8")
	at, err := netip.ParseAddrPort(s.Address)
	spreads := err == nil && at.Addr().Is4() && at.Addr().IsLoopback()
	fault(s.Sources > 1 && s.Address != "" && !spreads,
		"more than one source needs a server on 127.0.0.0/8, by number")
	fault(s.Timeout < 0, "a negative time-out")
	fault(s.ErrorsMax < 0, "a negative number of errors")
	return errors.Join(faults...)
}

// filled is s with its zero values replaced by what they mean.
func (s Scenario) filled() Scenario {
	if s.Timeout == 0 {
		s.Timeout = timeoutDefault
	}
	if s.Prefix == "" {
		s.Prefix = NewPrefix()
	}
	return s
}

// NewPrefix draws a beginning of names that no other run uses.
func NewPrefix() string { return fmt.Sprintf("bench-%08x-", rand.Uint32()) }

// source is the address that a client connects from, or none.
func (s *Scenario) source(client int) netip.Addr {
	if s.Sources == 0 {
		return netip.Addr{}
	}
	n := uint32(127)<<24 + 1 + uint32(client%s.Sources)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// run is what the workers of one Run share.
type run struct {
	Scenario
	record *record
	seed   uint64 // differs from run to run, so that nothing got can be left from an earlier one
	end    atomic.Int64
	begun  atomic.Int64
	failed atomic.Int64
	cancel context.CancelFunc
}

// Run drives the scenario. Errors of transfers are in the report; the error of Run says that the
// scenario is at fault. A context that ends stops the run early, with a report on what was.
func Run(ctx context.Context, s Scenario) (*Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{Scenario: s.filled(), record: newRecord(), seed: rand.Uint64(), cancel: cancel}
	workers := r.connect(ctx)

	before, begin := r.sample(), time.Now()
	if r.Duration > 0 {
		r.end.Store(begin.Add(r.Duration).UnixNano())
	}
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	took, after := time.Since(begin), r.sample()

	for _, w := range workers {
		wg.Go(w.quit)
	}
	wg.Wait()
	return r.report(took, before, after), nil
}

// connect makes the sessions. One that fails is counted, and tried again by its worker.
func (r *run) connect(ctx context.Context) []*worker {
	workers := make([]*worker, r.Clients)
	dials := make(chan struct{}, dialsMax)
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = newWorker(r, i)
		dials <- struct{}{}
		wg.Go(func() {
			workers[i].dial(ctx)
			<-dials
		})
	}
	wg.Wait()
	return workers
}

// more says whether another transfer is to begin, and counts it.
func (r *run) more(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	if end := r.end.Load(); end != 0 && time.Now().UnixNano() >= end {
		return false
	}
	return r.Transfers == 0 || r.begun.Add(1) <= r.Transfers
}

// fail counts an error, and ends the run when there are too many.
func (r *run) fail(worker int, err error) {
	r.record.fail(worker, err)
	if n := r.failed.Add(1); r.ErrorsMax > 0 && n > r.ErrorsMax {
		r.cancel()
	}
}

// spent is the processor time of server and clients; negative where it is not known.
type spent struct{ server, own time.Duration }

func (r *run) sample() spent {
	s := spent{-1, -1}
	if d, err := CPU(os.Getpid()); err == nil {
		s.own = d
	}
	if r.ServerPID == 0 {
		return s
	}
	if d, err := CPU(r.ServerPID); err == nil {
		s.server = d
	}
	return s
}
