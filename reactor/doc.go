// Package reactor is ferry's server: sessions, offers and transfers on event loops (package loop).
//
// A reactor is everything that runs on one loop, and belongs to that loop's goroutine unless its
// comment says otherwise. What may block is a job for the pool (package fsio), whose result returns
// to the loop as a task. Several reactors share nothing but the counts of package limit, and the
// pool.
//
// Bytes take this way: loop (a control connection or a channel) → face (codec) → session (rights,
// state) → offer (ports, limits) → transfer (state, a quantum a turn) → fsio, and back as one task.
//
// The files: server starts and stops reactors; reactor is what runs on a loop, and end is how it
// ends; listener has the list of exchanges. control and session take a session from its bytes to a
// command, face says what an exchange is, and each face_ file is one. lease and offer give a
// command its data port, keyed those that are known by a KEY, dataport accepts. transfer is a
// command from its bytes to its end, with send, listing, receive and commit for its two directions;
// job and work are its file work, sum its checksums. rights says what a session may do, guard keeps
// the rights of a user by path, users has them all, attempt is a login. reply, space, log and
// counters support them.
package reactor
