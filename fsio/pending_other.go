//go:build !linux || ferryportable

package fsio

import "os"

func spliceTo(int, int, int64, int) (int, error) { return 0, errUnsupported }

func allocate(int, int64, int64) error { return errUnsupported }

func syncFilesystem(*os.File) error { return errUnsupported }

func syncfsTells() bool { return false }

func (d *draft) storeUnnamed([]byte) (bool, error) { return false, nil }

func (d *draft) storeOver([]byte) (bool, error) { return false, nil }
