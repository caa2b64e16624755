//go:build !linux && !darwin && !freebsd

package fsio

import "os"

const openPlainFlags = os.O_RDONLY

// tryLock cannot lock here. Uploads work without, and the sweep removes nothing.
func tryLock(*os.File) (bool, error) { return false, errUnsupported }

func linkCount(*os.File) (uint64, error) { return 1, nil }

func closeCopy(*os.File) error { return nil }

func freeBytes(*os.File) (int64, error) { return 0, errUnsupported }

func deviceOf(os.FileInfo) uint64 { return 0 }
