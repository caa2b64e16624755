package reactor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/reactor/limit"
	"ferry/reactor/login"
)

// Server is one or more reactors that serve one root. Its exported methods may be called from any
// goroutine.
type Server struct {
	options Options
	log     zerolog.Logger
	limiter *limit.Budget
	access
	certificates
	pool workers
	// syncer commits uploads durably, for many at once; nil where they are not to be durable.
	syncer fsio.Syncer
	summing
	reactors  []*reactor
	addresses []netip.Addr
	// listeners are the control ports of the exchanges that are served.
	listeners []listener
	dataPorts []uint16
	context   context.Context
	sessionID atomic.Uint64
	// swept is how many leftovers the start has removed.
	swept int

	closing sync.Once
	latches
	// reset counts transfers that were cut off at the end.
	reset atomic.Int64
}

// latches end a server: drain and stop are the orders to, ending says that the end has begun.
type latches struct{ drain, stop, ending latch }

// summing is what checksums are computed and remembered by.
type summing struct {
	sumPool yielding
	sums    *fsio.SumCache
}

// workers do jobs that may block: a pool, or what a test has in its place.
type workers interface {
	Submit(j fsio.Job)
	Close()
}

// yielding are workers whose jobs may let others go first.
type yielding interface {
	workers
	Yield()
}

// latch is something that happens once, whoever says so and however often. It is safe for use by
// many goroutines.
type latch struct {
	set  chan struct{}
	trip func()
}

func newLatch() latch {
	set := make(chan struct{})
	return latch{set, sync.OnceFunc(func() { close(set) })}
}

// ErrTransfersReset is what Run returns when the server's end cut transfers off.
var ErrTransfersReset = errors.New("transfers were cut off")

// New prepares a server: it takes its ports, opens its root and removes what a killed server left
// there. An *OptionsError is what other options, or another folder or port, mend: it says what to
// do. Other errors are the system's, which has no descriptors or memory left for example. Run or
// Close must follow.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		options: o,
		log:     o.Log,
		context: context.Background(),

		latches: latches{drain: newLatch(), stop: newLatch(), ending: newLatch()},
	}
	if err := s.prepare(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare() error {
	o := &s.options
	var err error
	if s.addresses, err = resolveListen(o.Listen); err != nil {
		return optionError(err)
	}
	for i := range o.Reactors {
		s.reactors = append(s.reactors, newReactor(s, i))
	}
	if err = s.bind(); err != nil {
		return err
	}
	if err = s.openTLS(); err != nil {
		return err
	}
	// An earlier server's address must not be taken for ours.
	if err := os.Remove(o.AddrFile); err != nil && o.AddrFile != "" && !os.IsNotExist(err) {
		return optionError(fmt.Errorf("--addr-file %s: %w", o.AddrFile, errors.Unwrap(err)))
	}
	// A worker has one more descriptor for a moment when it commits a file.
	fixed := len(s.dataPorts) + 2*o.Reactors + o.FileWorkers
	s.limiter, err = limit.NewBudget(o.Limits, o.Reactors, fixed, descriptorLimit())
	if err != nil {
		return optionError(err)
	}
	s.rights = rights{may: o.features(), limits: o.Permissions, names: o.parser()}
	if s.rights.store, err = openStore(o); err != nil {
		return err
	}
	s.delays = login.NewDelays()
	if o.Users != "" {
		if err = s.loadUsers(); err != nil {
			return optionError(err)
		}
		s.checker = fsio.NewPool(1)
	}
	slow := time.AfterFunc(time.Second, func() {
		s.log.Info().Msg("looking for leftovers of a killed server, before clients are served")
	})
	s.swept, err = s.rights.store.Sweep()
	slow.Stop()
	if err != nil {
		s.log.Warn().Err(visibleError(err)).Msg("not every leftover could be looked for")
	}
	pool := fsio.NewPool(o.FileWorkers)
	if s.pool = pool; o.Durability == DurabilityCommit {
		s.syncer = s.rights.store.NewSyncer(pool)
	}
	s.sumPool, s.sums = fsio.NewPool(o.SumWorkers), fsio.NewSumCache(4096)
	for _, r := range s.reactors {
		r.limiter = s.limiter
		r.setRests()
		if err = r.openLoop(); err != nil {
			return err
		}
	}
	return nil
}

// openStore opens the folder that is served, or takes the store that is.
func openStore(o *Options) (fsio.Store, error) {
	if o.Store != nil {
		return o.Store, nil
	}
	root, err := dir.Open(o.Root, o.storeOptions())
	if err == nil {
		return root, nil
	}
	named := fmt.Errorf("--root %s: %w", o.Root, err)
	switch fsio.KindOf(err) {
	case fsio.KindTooMany, fsio.KindIO:
		return nil, named
	default:
		return nil, optionError(named)
	}
}

// bind takes the ports of every exchange that is served, those that are named first: the data ports
// of base, which are ours to choose, could lie on them.
func (s *Server) bind() error {
	o := &s.options
	var err error
	if err = s.listen(); err != nil {
		return err
	}
	keyed := o.KeyedPorts
	switch {
	case o.Port == NoPort && !o.FTP.Serves():
		return nil
	case o.Port == NoPort:
		keyed = PortRange{} // FTP needs none
	}
	leased, shared, err := bindDataPorts(s.addresses, o.DataPorts, keyed, o.Reactors,
		s.Port(), s.ClassicPort(), s.FTPPort())
	if err != nil {
		return err
	}
	for i, r := range s.reactors {
		r.adopt(leased[i], shared[i])
		for _, b := range slices.Concat(leased[i], shared[i]) {
			s.dataPorts = append(s.dataPorts, b.number)
		}
	}
	return nil
}

// descriptorLimit is how many descriptors this process may open. The Go runtime has raised the soft
// limit to the hard one already.
func descriptorLimit() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	return uint64(l.Cur)
}

func (s *Server) speaksStatus() bool { return len(s.reactors[0].pools[poolKeyed].ports) > 0 }

// Run serves until Drain or Stop and returns nil when all that ran could finish, an
// ErrTransfersReset when some could not, and another error when the server could not go on.
// listening is called once clients can connect.
func (s *Server) Run(listening func()) error {
	var engines sync.WaitGroup
	errs := make([]error, len(s.reactors))
	ready := make(chan struct{}, len(s.reactors))
	for i, r := range s.reactors {
		engines.Add(1)
		go func() {
			defer engines.Done()
			errs[i] = r.loop.Run(r.controlAddresses(), func() { ready <- struct{}{} })
			ready <- struct{}{}
		}()
	}
	for range s.reactors {
		<-ready
	}
	for _, l := range s.listeners {
		l.Release()
	}
	if err := errors.Join(errs...); err != nil {
		s.end(&engines)
		return err
	}
	err := s.writeAddrFile()
	if err == nil {
		var sweeper sync.WaitGroup
		sweeping, stopSweeping := context.WithCancel(s.context)
		sweeper.Go(func() { s.sweepParts(sweeping) })
		listening()
		s.waitForEnd()
		stopSweeping()
		sweeper.Wait() // it must not give the pool anything once that has closed
	}
	s.end(&engines)
	err = errors.Join(append(errs, err)...)
	if n := s.reset.Load(); err == nil && n > 0 {
		return fmt.Errorf("%d %w", n, ErrTransfersReset)
	}
	return err
}

// waitForEnd waits for an order to stop, and for running transfers as long as it allows.
func (s *Server) waitForEnd() {
	select {
	case <-s.stop.set:
		return
	case <-s.drain.set:
	}
	s.log.Info().Stringer("at_most", s.options.Limits.DrainTimeout).Msg("draining")
	timeout := time.NewTimer(s.options.Limits.DrainTimeout)
	defer timeout.Stop()
	drained := make(chan struct{}, len(s.reactors))
	for _, r := range s.reactors {
		r.loop.Order(func() { r.drain(func() { drained <- struct{}{} }) })
	}
	for range s.reactors {
		select {
		case <-drained:
		case <-timeout.C:
			return
		case <-s.stop.set:
			return
		}
	}
}

// end takes everything down in the order that leaves no late task to a loop that is gone: sessions
// and transfers, the pool, the doorbells, the loops.
func (s *Server) end(engines *sync.WaitGroup) {
	s.ending.trip()
	aborted := make(chan struct{}, len(s.reactors))
	for _, r := range s.reactors {
		if r.loop.Started() { // where no loop lives at the moment, one comes or is stood in for
			r.loop.Order(func() { r.abort(func() { aborted <- struct{}{} }) })
		} else {
			aborted <- struct{}{}
		}
	}
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	for range s.reactors {
		select {
		case <-aborted:
		case <-patience.C:
			// A disk does not answer. What its workers hold cannot be taken back.
			s.log.Error().Msg("file work did not end in time")
			return
		}
	}
	s.closePools()
	for _, r := range s.reactors {
		r.loop.End()
	}
	engines.Wait()
	s.Close()
}

// endPatience is how long a server that ends waits for file work under way.
const endPatience = 5 * time.Second

// Close gives back what New took, for a server that is not run.
func (s *Server) Close() { s.closing.Do(s.close) }

// closePools waits for the work of those pools that there are.
func (s *Server) closePools() {
	for _, p := range []workers{s.checker, s.sumPool, s.pool} {
		if p != nil {
			p.Close()
		}
	}
}

func (s *Server) close() {
	for _, l := range s.listeners {
		l.Release()
	}
	for _, r := range s.reactors {
		r.closePorts()
		if r.loop != nil {
			r.loop.Close()
		}
	}
	s.closePools()
	if s.rights.store != nil {
		_ = s.rights.store.Close()
	}
}

// Drain ends the server once running transfers have finished, or after DrainTimeout. A second call
// changes nothing.
func (s *Server) Drain() { s.drain.trip() }

// Stop ends the server now, while it drains too. Transfers that run are reset.
func (s *Server) Stop() { s.stop.trip() }

// LogStatus logs counters, every session and transfer, and what the process has in use. It collects
// garbage for that, which takes the caller some milliseconds.
func (s *Server) LogStatus() {
	s.logProcess()
	for _, r := range s.reactors {
		r.loop.Order(r.logStatus)
	}
}

// serveWaiting lets all reactors look whether a limit that they waited for allows more now.
func (s *Server) serveWaiting() {
	s.limiter.CapacityWanted.Store(false)
	s.feedAll()
}

// feedAll has every reactor serve what waits for a limit of the server in its next turn.
func (s *Server) feedAll() {
	for _, r := range s.reactors {
		r.serveSoon()
	}
}

// writeAddrFile tells scripts where the server listens. A server that listens on all addresses is
// reached on loopback.
func (s *Server) writeAddrFile() error {
	name := s.options.AddrFile
	if name == "" {
		return nil
	}
	ip := s.addresses[0]
	if ip.IsUnspecified() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	text := ""
	for _, l := range s.listeners {
		text += netip.AddrPortFrom(ip, uint16(l.Port)).String() + "\n"
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), ".ferryd-addr-*")
	if err == nil {
		_, err = temporary.WriteString(text)
		err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
		if err == nil {
			err = os.Rename(temporary.Name(), name)
		}
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}
	if err != nil {
		return fmt.Errorf("--addr-file %s: %w", name, err)
	}
	return nil
}
