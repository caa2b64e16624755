package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// PipeBytes is the size of a pipe.
const PipeBytes = 1 << 20

// Pipe carries received bytes to a file inside the kernel.
type Pipe struct{ in, out int }

// FD is the descriptor to read from.
func (p *Pipe) FD() int { return p.out }

// Read takes bytes out of the pipe, for a file that does not splice. It may be called on a worker.
func (p *Pipe) Read(b []byte) (int, error) { return unix.Read(p.out, b) }

func (p *Pipe) close() {
	closeDescriptor(p.in)
	closeDescriptor(p.out)
}

// Quota counts the pipes of all loops. Its methods may be called from any goroutine.
type Quota interface {
	// Left says whether Take would succeed now.
	Left() bool
	// Take counts one more, unless there are too many.
	Take() bool
	// Give counts one less.
	Give()
}

// Pipes lends pipes to transfers. It belongs to the loop.
type Pipes struct {
	loop  *Loop
	quota Quota
	kept  []*Pipe
	// refused is until when the system is not asked for a pipe.
	refused Instant
}

// Available says whether a pipe may be taken now.
func (s *Pipes) Available() bool {
	return len(s.kept) > 0 || s.loop.Now >= s.refused && s.quota.Left()
}

// Take lends an empty pipe, or returns nil if there is none after all.
func (s *Pipes) Take() *Pipe {
	if n := len(s.kept); n > 0 {
		p := s.kept[n-1]
		s.kept = s.kept[:n-1]
		return p
	}
	if s.loop.Now < s.refused || !s.quota.Take() {
		return nil
	}
	p := newPipe()
	if p == nil {
		s.quota.Give()
		s.Refuse(s.loop.Now + pipesAgain)
	}
	return p
}

// Give takes a pipe back. One that is not empty is closed.
func (s *Pipes) Give(p *Pipe, empty bool) {
	if empty && len(s.kept) < pipesKept {
		s.kept = append(s.kept, p)
		return
	}
	s.drop(p)
	s.refused = 0 // the system may grant one again now
}

// Refuse makes no new pipes before the given time.
func (s *Pipes) Refuse(until Instant) { s.refused = until }

// Kept is how many empty pipes are kept for later.
func (s *Pipes) Kept() int { return len(s.kept) }

func (s *Pipes) drop(p *Pipe) {
	p.close()
	s.quota.Give()
}

func (s *Pipes) close() {
	for _, p := range s.kept {
		s.drop(p)
	}
	s.kept = nil
}

const (
	// pipesAgain is how long the system is not asked after it has refused a pipe: other programs of
	// the same user may give some of the allowance back.
	pipesAgain = time.Second
	// pipesKept is how many empty pipes a loop keeps. An empty pipe has no buffers in memory.
	pipesKept = 8
)
