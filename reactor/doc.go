// Package reactor is ferry's server: sessions, offers and transfers on event loops (package loop).
//
// A reactor is everything that runs on one loop, and belongs to that loop's goroutine unless its
// comment says otherwise. What may block is a job for the pool (package fsio), whose result returns
// to the loop as a task. Several reactors share nothing except limits, which are atomic counters,
// and the pool.
//
// The files: server starts and stops reactors; reactor is what runs on a loop, and end is how it
// ends; control, session and offer take a session from its bytes to the lease of a data port
// (dataport); transfer, send and receive move the bytes; limits, log and counters support them.
// classic and status are faces of the session next to base's. The status face also consists of
// keyed, where offers are known by their KEY, abort, work, part and sum, and reply, which turns
// errors into codes.
package reactor
