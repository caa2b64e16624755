//go:build !linux || ferryportable

package fsio

func spliceTo(int, int, int64, int) (int, error) { return 0, errUnsupported }

func allocate(int, int64, int64) error { return errUnsupported }
