// Package client downloads files from a ferry server and uploads files to it. It speaks the status
// exchange if the server does, otherwise base, or classic on request.
//
// A [Client] is one control connection. Each transfer opens a data connection of its own, to the
// address that control is connected to. One call runs at a time; only [Client.Close] may be called
// meanwhile. Every call that waits takes a context and ends with it. The package never logs.
//
// # Exchanges
//
// In status every command has a reply: an upload that returns without an error is stored, an error
// is an [Error] with the server's code and text, and the end of a context aborts the command and
// leaves the session usable. Files over 10 GB are transferred in pieces; [Client.GetSegments]
// downloads pieces over several sessions at once.
//
// Base reports few errors. A size of 0 may be an empty file or a missing one: [ErrNothingSent]. An
// upload is [Confirmed] by a clean close, fails by a reset ([ErrRefused]), and is [Unconfirmed] if
// the server stays silent. Commands that base does not have are [ErrUnsupported].
//
// [Classic] can only download. A missing file is reported ([ErrNotFound]). A file has no size: it
// ends with a clean close, or with a reset if it fails, so a file that was cut off cleanly looks
// complete.
//
// After [ErrLost] the session is gone; other errors concern one transfer.
//
// The package also works with third-party servers of the ten-byte fields. It accepts a field in any
// number of pieces, ends a record at its announced size, and ignores what follows.
//
// # Security
//
// [Options.TLS] encrypts every connection and says which server is trusted, and
// [Options.Credentials] or [Client.Login] log in. A server that is not trusted is [ErrUntrusted], a
// wrong name or password [ErrLogin]; what a [Client] opens later logs in by itself.
//
// # Resuming
//
// [Client.PutFileContinue] and [Client.GetFileContinue] resume a transfer that an earlier call with
// the same names began, whatever interrupted it: the network, either program, or a restart of the
// server.
//
//   - Before they resume they compare the checksum of what is there with that of the other side's
//     beginning. If they differ, or the server computes no checksums, the transfer starts over. A
//     resumed download is also compared as a whole at its end.
//   - A file gets its name only once it is complete. A partial upload is a part on the server; a
//     partial download is hidden files in the same folder, which [Leftovers] lists and which a
//     later download into that folder removes after [Options.KeptLifetime].
//   - A note in [Options.NotesFolder] remembers which part belongs to which file, by server, remote
//     name, size and modification time. Processes may share that folder. Without the note an
//     upload starts over.
//   - A server that keeps no parts receives the file in one piece, and a file over 10 GB is
//     [ErrTooLarge].
//   - A file that changes during the transfer is [ErrMismatch].
//
// Package shell is the line-mode client, and client/ferry its program.
package client
