package bench

import (
	"net/netip"
	"time"
)

// A poller makes connections that never block and reports which of them are ready. Its handles are
// owned by the goroutine of the loop, which makes every call but wake. Readiness is edge-triggered:
// an event is reported once, and holds until a read or write says "again".
type poller interface {
	// dial starts a connection. Its success or failure is reported as an event.
	dial(d dialing) (handle int32, err error)
	// read reads once. 0 bytes without again are the end of the stream, or the error.
	read(handle int32, b []byte) (n int, again bool, err error)
	// write writes once, possibly a part of b.
	write(handle int32, b []byte) (n int, again bool, err error)
	// closeWrite ends the sending side once everything written has left.
	closeWrite(handle int32)
	// dialError tells why a connection could not be made.
	dialError(handle int32) error
	close(handle int32)
	// wait waits for events, at most d. They are valid until the next call.
	wait(d time.Duration) []event
	// wake ends the current or next wait with an event of client -1. Any goroutine may call it.
	wake()
	// shut releases the poller. All handles are closed before.
	shut()
}

// eventsMax bounds a batch of events, since deadlines and open-loop starts wait for its end.
const eventsMax = 256

// dialing describes a connection to make.
type dialing struct {
	client int32
	data   bool // a data connection, not a control connection
	port   uint16
	from   netip.Addr // invalid: chosen by the system
	// receiveBuffer is the size of the kernel's receive buffer, 0 for the default.
	receiveBuffer int
	// sends means that the connection is told when it becomes writable.
	sends bool
}

// event is what happened on a connection.
type event struct {
	client int32 // -1: wake was called
	data   bool
	// readable and writable mean that a call will not block. ended means that the peer closed its
	// side or the connection failed; failed means the latter alone.
	readable, writable, ended, failed bool
}
