//go:build !linux || ferryportable

package dir

import (
	"os"

	"ferry/fsio"
)

// What this system or build does not have.

type kernel struct{ cached bool }

func newKernel(string) (*kernel, error) { return nil, nil }

func (*kernel) close() error                            { return errUnsupported }
func (*kernel) folder(fsio.Name, use) (folder, error)   { return folder{}, errUnsupported }
func (*kernel) stat(fsio.Name) (fsio.Entry, error)      { return fsio.Entry{}, errUnsupported }
func (*kernel) setMeta(fsio.Name, fsio.Meta) error      { return errUnsupported }
func (*kernel) open(fsio.Name, bool) (fsio.Held, error) { return fsio.Held{}, errUnsupported }

func readNoWait(int, []byte, int64) (int, error)     { return 0, errUnsupported }
func pagesCached(int, int64, int64) (bool, error)    { return false, errUnsupported }
func adviseWillNeed(int, int64, int64)               {}
func spliceTo(int, int, int64, int) (int, error)     { return 0, errUnsupported }
func allocate(int, int64, int64) error               { return errUnsupported }
func syncFilesystem(*os.File) error                  { return errUnsupported }
func (u *upload) storeUnnamed([]byte) (bool, error)  { return false, nil }
func (u *upload) storeOver([]byte) (bool, error)     { return false, nil }
func renameNoReplace(int, string, int, string) error { return errUnsupported }
