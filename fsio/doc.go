// Package fsio is what ferry's server asks of storage: a Store with files, folders, atomic uploads
// and resumable ones. Package dir is a Store that is a folder on this machine, package mem one in
// memory for tests. Names, errors, checksums, and the pool of workers for whatever may block are
// those of all stores.
//
// # What waits and what does not
//
// The server's loop must never wait for storage. OpenCached, File.ReadCached and File.Cached answer
// from memory or not at all: ErrWouldBlock sends the same work to a Pool, where Open, ReadAt and
// ReadAhead may take their time. Everything else of a Store belongs in the pool, too, closing an
// upload included: 253 ms were measured for 3 GiB. A Parser and Syncer.Commit wait for nothing.
//
// # Errors
//
// Every error that comes from a file is an *Error with a Kind out of a closed set. Its text
// holds the operation, the name beneath the root and the system's words, and never a path
// outside the served root. ErrWouldBlock, ErrStopped and io.EOF come bare.
package fsio
