// Package loop is the event loop of ferry's server: one goroutine that owns all state. It knows
// nothing of files or protocols.
//
// Control connections belong to a gnet engine and are seen through Control. Listening sockets for
// data and data connections are plain non-blocking sockets in the loop's own watcher (an epoll
// set, or poll where there is no epoll), seen through Listener and Channel. A doorbell goroutine
// waits on the watcher; when sockets become ready it asks the engine for a turn. In a turn the
// loop
//
//  1. tells the owners of ready sockets,
//  2. runs the tasks that other goroutines have posted,
//  3. calls the owners of expired deadlines,
//  4. gives every queued Mover one quantum.
//
// TLS is crypto/tls over a connection in memory that belongs to the loop, which moves records
// between it and the socket. A handshake runs on a goroutine of its own, because crypto/tls cannot
// resume one after a read without data; two compute at once. After it everything is on the loop.
//
// Everything is owned by the loop's goroutine unless its comment says otherwise. Other goroutines
// may call Post, Order and End.
//
// # What gnet does and does not do
//
// These facts shaped the package. They were measured on gnet v2.9.7 and v2.10.0 or read in its
// source.
//
//  1. A gnet connection cannot be slowed down. It reads whatever the peer sends, even if the
//     handler leaves it unread (128 MiB arrived unread; the heap grew to 640 MiB), and it does not
//     report when its outbound buffer has drained. So gnet carries control connections only, whose
//     owner bounds what they buffer; data connections are sockets of our own.
//  2. Close truncates: after a 64 MiB write and a Close, the peer received 4 MiB and a clean end.
//     Never close a control connection while Control.Unsent is positive.
//  3. A connection is dead in OnClose. Write does not check that and keeps using the descriptor's
//     number: a reply went into a user's file that had been given the same number. Control ignores
//     every call after Session.Closed. A failing Write calls OnClose before it returns.
//  4. An accept error ends the engine, except EINTR, EAGAIN, ECONNRESET and ECONNABORTED. The
//     server keeps descriptors in reserve for accept. ENFILE, ENOMEM and ENOBUFS cannot be
//     prevented, so Loop.Run restarts an engine that ended by itself.
//  5. SO_REUSEPORT hides a port conflict: a second server of the same user can bind the port, and
//     the two share its connections unnoticed. Reserve binds the port without the option first.
//     tcp://[::] is IPv6 only, and tcp://:PORT follows the sysctl bindv6only, so both families are
//     named explicitly.
//  6. There is no handle to the loop before its first connection, so the engine registers a
//     connection of our own, one end of a socket pair. Once the loop has returned, queued tasks
//     never run, and a late one could write to a reused descriptor: the owner stops everything
//     that posts tasks before it calls End.
//  7. AsyncWrite's callback means queued, not sent. OnTick runs on a goroutine of its own, so
//     timers belong to the watcher. Wake calls OnTraffic without new bytes. A peer's half-close
//     closes the connection. A restart needs WithReuseAddr. Without WithLogger, gnet installs a
//     zap logger. The loop moves between threads unless WithLockOSThread is set.
//  8. Events of the watcher and of gnet come in no order relative to each other: the end of a
//     control connection can be seen before a data connection that was made earlier (measured: in
//     half of all cases). The protocol's rules for offers allow for that.
package loop
