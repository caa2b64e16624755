package client

import "ferry/codec"

// Printable returns text that is safe to show on a terminal.
func Printable(text string) string { return codec.Printable(text) }
