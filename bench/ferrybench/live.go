package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"ferry/bench"
)

// line is a line of a terminal that is written over and over. A nil line writes nothing.
type line struct {
	mu    sync.Mutex
	to    io.Writer
	width int // of the text on it
}

// liveLine is a line on w if that is a terminal, else nil.
func liveLine(w io.Writer) *line {
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return &line{to: w}
	}
	return nil
}

// lineMax fits the narrowest common terminal.
const lineMax = 79

func (l *line) show(now bench.Live) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := []rune(liveText(now))
	text = text[:min(len(text), lineMax)]
	fmt.Fprintf(l.to, "\r%s%s", string(text), strings.Repeat(" ", max(0, l.width-len(text))))
	l.width = len(text)
}

func liveText(now bench.Live) string {
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	add(now.Site)
	add(now.Step)
	if now.Turns > 1 {
		add(fmt.Sprintf("turn %d of %d", now.Turn, now.Turns))
	}
	add(now.Phase)
	if now.Elapsed > 0 {
		digits, of := 0, ""
		if now.Length > 0 {
			if now.Length < 10*time.Second {
				digits = 1
			}
			now.Elapsed = min(now.Elapsed, now.Length)
			of = fmt.Sprintf("of %.*f ", digits, now.Length.Seconds())
		}
		add(fmt.Sprintf("%.*f %ss", digits, now.Elapsed.Seconds(), of))
		add(fmt.Sprintf("%.0f/s", now.TransfersPerSec))
		add(humanize.IBytes(uint64(max(0, now.BytesPerSec))) + "/s")
	}
	if now.Errors > 0 {
		add(fmt.Sprintf("%d errors", now.Errors))
	}
	return strings.Join(parts, " · ")
}

// clear empties the line.
func (l *line) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, "\r%s\r", strings.Repeat(" ", l.width))
	l.width = 0
}

// above is a writer of whole lines, for which the line makes room.
type above struct {
	line *line
	to   io.Writer
}

// Write implements io.Writer.
func (a *above) Write(b []byte) (int, error) {
	a.line.clear()
	return a.to.Write(b)
}
