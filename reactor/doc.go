// Package reactor is ferry's server: sessions, offers and transfers on event loops (package loop).
//
// A reactor is everything that runs on one loop. It belongs to that loop's goroutine unless a
// comment says otherwise. Operations that may block are jobs for the pool (package fsio), whose
// results return to the loop as tasks. Reactors share only the pool and the counts of package
// limit.
//
// Data flows from loop (a control connection or a channel) to face (codec), session (rights,
// state), offer (ports, limits), transfer (state, one quantum per turn) and fsio, and returns as
// one task.
//
// The files: server starts and stops reactors; reactor is what runs on a loop, and end its end;
// listener lists the exchanges. control and session turn a session's bytes into commands; face
// describes an exchange, and each face_ file implements one. lease and offer give a command its
// data port, keyed those of offers with a key; dataport accepts connections. transfer is a command
// from its first byte to its end, with send, listing, receive and commit for the two directions;
// job and work are its file work, sum its checksums. rights says what a session may do, guard
// enforces the rights of a user by path, users loads them, attempt is a login.
package reactor
