package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// columnsUsual is the width of a terminal that does not tell its own.
const columnsUsual = 80

// columns is the width of a console's window.
func columns(f *os.File) int {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		return columnsUsual
	}
	return int(info.Window.Right-info.Window.Left) + 1
}

// showEscapes makes a console interpret escapes; older ones must be asked.
func showEscapes(f *os.File) {
	console := windows.Handle(f.Fd())
	var mode uint32
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
