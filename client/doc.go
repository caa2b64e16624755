// Package client fetches files from a ferry server and stores files there. It speaks the status
// exchange if the server does, else base, or classic.
//
// A [Client] is one control connection. Each transfer makes a data connection of its own, to the
// address that control reached. One call runs at a time; only [Client.Close] may be called
// meanwhile. Every call that waits takes a context, and ends with it.
//
// In status every command is answered: a put that returns without an error is stored, an error has
// the server's code and text, the end of a context aborts the command and leaves the session
// usable, and [Client.PutFileContinue] and [Client.GetFileContinue] resume interrupted transfers.
//
// Base reports few errors. A size of 0 may be an empty file or a missing one: [ErrNothingSent]. A
// put is [Confirmed] by a clean close, fails by a reset ([ErrRefused]), and is [Unconfirmed] if the
// server stays silent. After [ErrLost] the session is gone; other errors concern one transfer.
//
// [Classic] only fetches files. A missing one is reported ([ErrNotFound]). A file has no size: it
// ends with a clean close, and one that fails with a reset, so that what is cut off cleanly looks
// complete.
//
// The package also speaks to other servers of the ten-byte fields. It accepts a field in any
// pieces, ends a record at its announced size, and ignores what follows.
//
// The line-mode program is client/shell; client/ferry is its main function.
package client
