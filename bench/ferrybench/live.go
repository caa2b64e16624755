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

// line is one line of a terminal that is written over and over. A nil line writes nothing.
type line struct {
	mu    sync.Mutex
	to    io.Writer
	width int // of what stands there
}

// liveLine is a line on w if that is a terminal, else nil.
func liveLine(w io.Writer) *line {
	file, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return nil
	}
	return &line{to: w}
}

// lineMax is what fits the narrowest terminal that is common.
const lineMax = 79

// show puts how the run goes onto the line.
func (l *line) show(now bench.Live) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := []rune(liveText(now))
	text = text[:min(len(text), lineMax)]
	fmt.Fprintf(l.to, "\r%s%s", string(text), strings.Repeat(" ", max(0, l.width-len(text))))
	l.width = len(text)
}

// liveText is what a line says of a moment.
func liveText(now bench.Live) string {
	parts := []string{now.Site}
	if now.Step != "" {
		parts = append(parts, now.Step)
	}
	if now.Turns > 1 {
		parts = append(parts, fmt.Sprintf("turn %d of %d", now.Turn, now.Turns))
	}
	if now.Phase != "" {
		parts = append(parts, now.Phase)
	}
	if now.Elapsed > 0 {
		digits := 0
		if now.Length > 0 && now.Length < 10*time.Second {
			digits = 1
		}
		text := fmt.Sprintf("%.*f s", digits, now.Elapsed.Seconds())
		if now.Length > 0 {
			text = fmt.Sprintf("%.*f of %.*f s", digits, min(now.Elapsed, now.Length).Seconds(),
				digits, now.Length.Seconds())
		}
		parts = append(parts, text, fmt.Sprintf("%.0f/s", now.TransfersPerSec),
			humanize.IBytes(uint64(max(0, now.BytesPerSec)))+"/s")
	}
	if now.Errors > 0 {
		parts = append(parts, fmt.Sprintf("%d errors", now.Errors))
	}
	return strings.Join(parts, " · ")
}

// clear makes the line empty again.
func (l *line) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.to, "\r%s\r", strings.Repeat(" ", l.width))
	l.width = 0
}

// over is a writer of whole lines, for which the line makes room.
func (l *line) over(w io.Writer) io.Writer { return &above{l, w} }

type above struct {
	line *line
	to   io.Writer
}

// Write implements io.Writer.
func (a *above) Write(b []byte) (int, error) {
	a.line.clear()
	return a.to.Write(b)
}
