package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"ferry/bench"
)

const (
	// lineMax fits the narrowest common terminal.
	lineMax = 79
	// clearLine empties a terminal's line.
	clearLine = "\r\x1b[K"
)

// liveLine shows the state of a run in one line of w, if that is a terminal, else nil.
func liveLine(w io.Writer) func(bench.Live) {
	if file, ok := w.(*os.File); !ok || !isatty.IsTerminal(file.Fd()) {
		return nil
	}
	return func(now bench.Live) { fmt.Fprint(w, clearLine, liveText(now)) }
}

// above is a writer of whole lines above the live line.
type above struct{ io.Writer }

// Write implements io.Writer.
func (a above) Write(b []byte) (int, error) {
	fmt.Fprint(os.Stderr, clearLine)
	return a.Writer.Write(b)
}

func liveText(now bench.Live) string {
	parts := []string{now.Site, now.Step}
	if now.Turns > 1 {
		parts = append(parts, fmt.Sprintf("turn %d of %d", now.Turn, now.Turns))
	}
	parts = append(parts, now.Phase)
	if now.Elapsed > 0 {
		elapsed := fmt.Sprint(now.Elapsed.Round(100 * time.Millisecond))
		if now.Length > 0 {
			elapsed += " of " + now.Length.String()
		}
		parts = append(parts, elapsed, fmt.Sprintf("%.0f/s", now.TransfersPerSec),
			humanize.IBytes(uint64(max(0, now.BytesPerSec)))+"/s")
	}
	if now.Errors > 0 {
		parts = append(parts, fmt.Sprintf("%d errors", now.Errors))
	}
	text := []rune(strings.ReplaceAll(strings.Join(parts, " · "), " ·  · ", " · "))
	return string(text[:min(len(text), lineMax)])
}
