// Package fsio is the storage of ferry's server: a [Store] has files, folders, atomic uploads and
// resumable ones. Package dir implements it as a folder on this machine, package mem in memory for
// tests. All stores share the names, errors and checksums of this package, and its [Pool] of
// workers for operations that may block.
//
// # What may block
//
// The server's loop must never wait for storage. OpenCached, File.ReadCached and File.Cached answer
// from memory or return ErrWouldBlock; then the loop repeats the work in a Pool with Open, ReadAt
// and ReadAhead, which may block. All other methods of a Store may block too, including the close
// of an upload (253 ms were measured for 3 GiB). A Parser and Syncer.Commit never block.
//
// # Errors
//
// Every error about a file is an *Error with a Kind from a closed set. Its text has the operation,
// the name below the root and the system's message, and never a path outside the served root.
// ErrWouldBlock, ErrStopped and io.EOF are returned as they are.
package fsio
