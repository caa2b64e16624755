//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package client

import "os"

// noFollow has an open fail on a symbolic link, where the system knows that.
const noFollow = 0

// renameClosed says that a file cannot be renamed while it is open.
const renameClosed = true

// lockFile does nothing: two downloads to one file at once are compared at their end.
func lockFile(*os.File) error { return nil }
