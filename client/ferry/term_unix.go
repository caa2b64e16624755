//go:build !windows

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// columnsUsual is the width of a terminal that does not tell its own.
const columnsUsual = 80

// columns is the width of a terminal.
func columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return columnsUsual
	}
	return int(size.Col)
}

// showEscapes makes a terminal interpret escapes: here all do.
func showEscapes(*os.File) {}
