//go:build !linux || ferryportable

package fsio

func closeDescriptor(int) error { return errUnsupported }

func readNoWait(int, []byte, int64) (int, error) { return 0, errUnsupported }

func readFull(int, []byte, int64) (int, error) { return 0, errUnsupported }

func pagesCached(int, int64, int64) (bool, error) { return false, errUnsupported }

func pagesInMemory(int, int64, int64) (uint64, error) { return 0, errUnsupported }

func adviseDontNeed(int, int64, int64) {}

func adviseWillNeed(int, int64, int64) {}
