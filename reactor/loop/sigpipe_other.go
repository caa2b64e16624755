//go:build (linux && ferryportable) || (!linux && !darwin && !dragonfly && !freebsd && !netbsd)

package loop

// ignoreBroken has nothing to set here: Go's runtime takes the signal of a write to a connection
// that is gone, and drops it. The write fails all the same.
func ignoreBroken(int) error { return nil }
