//go:build (linux && ferryportable) || (!linux && !darwin && !dragonfly && !freebsd && !netbsd)

package loop

// ignoreBroken does nothing here: Go's runtime catches and drops the SIGPIPE of a write to a broken
// connection. The write still fails.
func ignoreBroken(int) error { return nil }
