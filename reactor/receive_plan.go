package reactor

import "ferry/reactor/loop"

type plan uint8

const (
	planWait   plan = iota // for the socket or for a worker
	planRead               // socket → buffer
	planSplice             // socket → pipe
	planPipe               // borrow a pipe for the rest of a large record
	planCreate             // create the temporary file
	planWrite              // buffer → file
	planDrain              // pipe → file
	planStore              // a small file in one go
	planCommit             // give it its name
)

// next decides. It looks at nothing but the receiver, whether a job runs, whether the socket may
// have bytes, whether the client is slow and whether pipes are available.
func (rc *receiver) next(busy, readable, slow, pipes bool) plan {
	if rc.piped > 0 && !busy {
		return planDrain
	}
	if rc.phase != receiveOpen {
		switch {
		case busy:
			return planWait
		case !rc.hasFile():
			return planStore
		case rc.fill > 0:
			return planWrite
		default:
			return planCommit
		}
	}
	remaining := rc.remaining(busy)
	if rc.pipe != nil && remaining > 0 {
		if !readable || rc.piped >= loop.PipeBytes {
			return planWait
		}
		return planSplice
	}
	if rc.full() || remaining > int64(smallMax-rc.fill) {
		switch {
		case busy:
			return planWait
		case !rc.hasFile():
			return planCreate
		case rc.full(), rc.fill > 0 && pipes:
			return planWrite
		case rc.fill == 0 && pipes && rc.pipe == nil:
			return planPipe
		}
	}
	switch {
	case busy:
		return planWait
	case readable:
		return planRead
	case rc.fill > 0 && rc.hasFile():
		return planWrite
	case rc.fill > 0 && slow:
		return planCreate
	default:
		return planWait
	}
}
