// Package client fetches files from a ferry server and stores files there, in the status exchange
// where the server speaks it, else in base, or in classic.
//
// A [Client] is one control connection. Each transfer makes a data connection of its own, on the
// port that the server tells, to the address that control reached and to no other. One call runs
// at a time on a client; only [Client.Close] may come from elsewhere meanwhile. Every call that
// waits takes a context, and gives up when it ends.
//
// [Dial] finds out what the server speaks unless [Options.Exchange] says it. In the status exchange
// every command is answered: a put that returns without an error is stored, an error has the
// server's code and words, a context that ends aborts the command and leaves the session, and
// transfers that broke off are gone on with: [Client.PutFileContinue], [Client.GetFileContinue].
//
// Base hardly tells errors, and the package says no more than it knows. A size of 0 may be an
// empty file or a missing one: [ErrNothingSent]. A put is [Confirmed] by a clean close, fails by a
// reset ([ErrRefused]), and is [Unconfirmed] when the server stays silent. Errors that concern one
// transfer leave the session as it was; after [ErrLost] it is gone. A program that asks for base's
// kinds finds them in the status exchange as well.
//
// Classic ([Classic]) fetches files and has nothing else. Its server says in words that a
// file is missing ([ErrNotFound]), so that an empty file is one. But it tells no size: a file ends
// with the server's clean close, and one that fails with a reset. What a server, or something on
// the way, cuts off cleanly cannot be told from a whole file.
//
// The package speaks to other servers of the same ten-byte fields too. It reads a field in
// whatever pieces it arrives, takes the announced size for the end of a record, and never waits
// for a close behind it. What a server sends beyond the announced bytes is neither written nor
// reported: it may arrive late or never, so that a report would depend on chance.
//
// The line-mode program stands in client/shell; client/ferry is its main function.
package client
