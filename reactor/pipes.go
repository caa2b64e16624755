package reactor

import (
	"time"

	"ferry/reactor/limit"
)

// pipeBytes is the size of a pipe that carries an upload.
const pipeBytes = 1 << 20

// pipesAvailable reports whether an upload may borrow a pipe now.
func (r *reactor) pipesAvailable() bool {
	if len(r.pipes) > 0 {
		return true
	}
	return r.splice && r.now >= r.pipesRefused && r.limiter.Free(limit.Pipes) > 0
}

// takePipe lends a pipe, or nil when none is to be had after all.
func (r *reactor) takePipe() *pipe {
	if n := len(r.pipes); n > 0 {
		p := r.pipes[n-1]
		r.pipes = r.pipes[:n-1]
		return p
	}
	if !r.splice || r.now < r.pipesRefused || r.limiter.Take(nil, limit.Pipes, 1) != limit.Enough {
		return nil
	}
	p := newPipe()
	if p == nil {
		r.limiter.Give(nil, limit.Pipes, 1)
		r.pipesRefused = r.now + pipesAgain
	}
	return p
}

// givePipe takes a pipe back. One that is not empty is of no use to anybody else.
func (r *reactor) givePipe(p *pipe, empty bool) {
	if empty && len(r.pipes) < pipesKept {
		r.pipes = append(r.pipes, p)
		return
	}
	p.close()
	r.limiter.Give(nil, limit.Pipes, 1)
	r.pipesRefused = 0 // one that was refused may be granted again now
}

// pipesAgain is how long no pipe is asked for after one was refused: what others use of the user's
// allowance may come back.
const pipesAgain = time.Second

// pipesKept is how many empty pipes a reactor keeps. A pipe's buffers cost memory only while bytes
// are in it.
const pipesKept = 8
