//go:build !linux || ferryportable

package fsio

// kernel stands for name resolution by the kernel, which this system or build does not have.
type kernel struct{}

func newKernel(string) (*kernel, error) { return nil, nil }

func (*kernel) close() error                     { return errUnsupported }
func (*kernel) free() (int64, error)             { return 0, errUnsupported }
func (*kernel) folder(Name, use) (folder, error) { return nil, errUnsupported }
func (*kernel) stat(Name) (meta, error)          { return meta{}, errUnsupported }
func (*kernel) open(*File, Name, bool) error     { return errUnsupported }
