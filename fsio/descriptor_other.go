//go:build !linux && !darwin && !freebsd

package fsio

import (
	"os"
	"syscall"
)

const openPlainFlags = os.O_RDONLY

// tryLock cannot lock here. Uploads work without, and the sweep removes nothing.
func tryLock(*os.File) (bool, error) { return false, errUnsupported }

// removeFolderIn looks before it removes: os.Root.Remove would take a file too.
func removeFolderIn(d rootFolder, base string) error {
	kind, err := d.lookup(base)
	if err == nil && kind != typeFolder {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return err
	}
	return d.root.Remove(base)
}

// renameBetween goes by the folders' names: there are no descriptors to go by.
func renameBetween(from rootFolder, base string, to rootFolder, target string) error {
	return from.top.Rename(from.name.join(base).local(), to.name.join(target).local())
}

func linkBetween(from rootFolder, base string, to rootFolder, target string) error {
	return from.top.Link(from.name.join(base).local(), to.name.join(target).local())
}

func identify(int) (identity, error) { return identity{}, errUnsupported }

func closeCopy(int) error { return nil }

func freeBytes(*os.File) (int64, error) { return 0, errUnsupported }

func deviceOf(os.FileInfo) uint64 { return 0 }

func inodeOf(os.FileInfo) inode { return inode{} }
