// Package fsio is the file layer of ferry's server: a root folder that no name leaves, plain
// files opened for reading, atomic uploads, resumable uploads (Part), file commands, listings,
// sums, the sweep of leftovers, and the pool of workers for whatever may wait for a disk. Package
// fault makes tests of what fails.
//
// # Two paths
//
// On Linux the kernel itself keeps every name beneath the root, symbolic links included:
// openat2 with RESOLVE_BENEATH. Where that call is not to be had (an old kernel, a sandbox,
// another system) os.Root does the same in user space, with more system calls. OpenRoot finds
// out which; Options.Portable, and the build tag ferryportable, ask for os.Root anyway.
//
// # What waits and what does not
//
// The server's loop must never wait for a disk. OpenCached, File.ReadCached and File.Cached
// answer from memory or not at all: ErrWouldBlock sends the same work to a Pool, where Open,
// ReadAt and ReadAhead may take their time. Everything else that is exported by Root, Pending and
// Part belongs into the pool too, ParseName and ParseNameIn aside. That includes Pending.Commit and
// Pending.Abort, since closing a file that was written or unlinked may take long
// (253 ms were measured for 3 GiB). Syncer.Commit waits for nothing.
//
// # What a power cut takes
//
// By default nothing is forced to the disk. CommitOptions.Durable forces one file and its folder,
// a Syncer those of all that commit at the same time.
//
// # Errors
//
// Every error that comes from a file is an *Error with a Kind out of a closed set. Its text
// holds the operation, the name beneath the root and the system's words, and never a path
// outside the served root. ErrWouldBlock, ErrStopped and io.EOF come bare.
package fsio
