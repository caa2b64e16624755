// Package reactor is ferry's server: one goroutine that owns all state, on a gnet event loop.
//
// Control connections are gnet connections. Data sockets are plain non-blocking descriptors in the
// reactor's own watcher, a second epoll set (poll, where there is no epoll), because a gnet
// connection can neither be slowed nor say that it has drained. A doorbell goroutine waits on the
// watcher and rings: the loop then takes one turn, in which it
//
//  1. handles what the watcher saw: connections to data ports, sockets that can be read or written;
//  2. takes the results of file work that the pool has finished;
//  3. lets run out what has run out;
//  4. gives every transfer that can move one quantum.
//
// Everything here is owned by that goroutine unless its comment says otherwise. What may block is a
// job of the pool (package fsio); its result comes back in a turn. Several reactors share nothing
// but the counts of package limit, and the pool.
//
// The files: server starts and stops reactors; reactor is the loop and its turn; control, session
// and offer are one session from its bytes to the lease of a data port; transfer, send and receive
// move the bytes; watcher, deadline, limits, log and counters are what these stand on. classic and
// status are faces of the session beside base's; with status go keyed, which knows offers by their
// KEY, abort, work, part and sum, and reply, where what went wrong becomes a code.
package reactor
