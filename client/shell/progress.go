package shell

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"

	"ferry/codec"
)

// gauge measures one file. The transfer sets the numbers, the screen reads them.
type gauge struct {
	name string
	// size is -1 until it is known.
	size, moved atomic.Int64
	pace        pace
}

func (g *gauge) set(moved, size int64) {
	g.moved.Store(moved)
	g.size.Store(size)
}

// progress is how far a command's transfers are.
type progress struct {
	began time.Time
	// files and bytes are the batch's totals; bytes is -1 if a size is unknown. files is 0 for a
	// single transfer.
	files int
	bytes int64

	mu sync.Mutex
	// running is in order of start. Ended files count in done and moved.
	running []*gauge
	done    int
	moved   int64
	total   pace
}

func (p *progress) begin(name string, size int64) *gauge {
	g := &gauge{name: name}
	g.size.Store(size)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, g)
	return g
}

// end removes a file; bytes is what counts as done of it.
func (p *progress) end(g *gauge, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(r *gauge) bool { return r == g })
	p.done++
	p.moved += bytes
}

// now is how many bytes of all files have moved.
func (p *progress) now() int64 {
	moved := p.moved
	for _, g := range p.running {
		moved += g.moved.Load()
	}
	return moved
}

func (p *progress) pace(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.running {
		g.pace.sample(now, g.moved.Load())
	}
	p.total.sample(now, p.now())
}

// lines are the bars: one for each file, and one for a batch.
func (p *progress) lines(now time.Time, columns int) (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.running[:min(len(p.running), barsMost)] {
		lines = append(lines,
			barLine(columns, g.name, g.moved.Load(), g.size.Load(), g.pace.rate))
	}
	if p.files > 0 {
		name := fmt.Sprintf("all: %d of %d files, %s", p.done, p.files,
			clockText(now.Sub(p.began)))
		lines = append(lines, barLine(columns, name, p.now(), p.bytes, p.total.rate))
	}
	return lines
}

// pace is a rate in bytes a second, smoothed over a few seconds so that it can be read.
type pace struct {
	rate  float64
	at    time.Time
	moved int64
}

// paceMemory is the share of the previous rate in each sample.
const paceMemory = 0.85

func (p *pace) sample(now time.Time, moved int64) {
	since := now.Sub(p.at).Seconds()
	if p.at.IsZero() || since <= 0 {
		p.at, p.moved = now, moved
		return
	}
	rate := float64(max(moved-p.moved, 0)) / since
	if p.rate > 0 {
		rate = paceMemory*p.rate + (1-paceMemory)*rate
	}
	p.rate, p.at, p.moved = rate, now, moved
}

// barLine is a line of at most columns-1 cells: name, bar, bytes, rate and time left. If there is
// no room, the bar goes first, then the name is cut.
func barLine(columns int, name string, moved, size int64, rate float64) string {
	figures := humanize.Bytes(uint64(max(moved, 0)))
	if size >= 0 {
		figures += " of " + humanize.Bytes(uint64(size))
	}
	if rate > 0 {
		figures += fmt.Sprintf("  %s/s", humanize.Bytes(uint64(rate)))
		if size > moved {
			left := time.Duration(float64(size-moved) / rate * float64(time.Second))
			figures += "  " + clockText(left) + " left"
		}
	}
	columns = max(columns-1, 10)
	name = codec.Printable(name)
	room := columns - runewidth.StringWidth(figures) - len("  ")
	bar := ""
	if size > 0 {
		const percent = len("100% ")
		part := min(float64(moved)/float64(size), 1)
		bar = fmt.Sprintf("%3d%% ", int(100*part))
		// A shorter bar shows less than the number does.
		if cells := min(room-min(runewidth.StringWidth(name), 24)-percent-4, 30); cells >= 8 {
			full := int(part * float64(cells))
			bar += "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "] "
		}
	}
	room -= runewidth.StringWidth(bar)
	if room < 4 {
		return runewidth.Truncate(bar+figures, columns, "")
	}
	name = runewidth.FillRight(runewidth.Truncate(name, room, "…"), min(room, 24))
	return name + "  " + bar + figures
}

func clockText(d time.Duration) string {
	seconds := int64(min(max(d.Seconds(), 0), 359_999))
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
