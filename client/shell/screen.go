package shell

import (
	"io"
	"strings"
	"sync"
	"time"
)

// screen is where a shell writes: lines go above the bars. Goroutines of a batch share it.
type screen struct {
	mu             sync.Mutex
	stdout, stderr io.Writer
	// columns is nil if no bars are shown.
	columns func() int

	// progress is what is shown, nil between commands; drawn is how many lines it occupies now,
	// with the cursor at the end of the last.
	progress *progress
	drawn    int
	stop     chan struct{}
	stopped  sync.WaitGroup
}

const (
	// barsAfter is how long a command runs before bars appear.
	barsAfter = time.Second
	barsEvery = 200 * time.Millisecond
	// barsMost bounds the bars of files.
	barsMost = 8
)

func (x *screen) begin(stdout, stderr io.Writer, columns func() int) {
	x.stdout, x.stderr, x.columns = stdout, stderr, columns
}

func (x *screen) out(text string) { _ = x.write(x.stdout, text) }

func (x *screen) err(text string) { _ = x.write(x.stderr, text) }

// write writes whole lines, or a prompt, and returns an error if they did not arrive.
func (x *screen) write(w io.Writer, text string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	again := x.drawn > 0
	x.erase()
	_, err := io.WriteString(w, text)
	if again {
		x.draw(time.Now())
	}
	return err
}

func (x *screen) erase() {
	if x.drawn == 0 {
		return
	}
	text := "\r\x1b[K" + strings.Repeat("\x1b[A\x1b[K", x.drawn-1)
	x.drawn = 0
	_, _ = io.WriteString(x.stderr, text)
}

func (x *screen) show(p *progress) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.progress = p
	if x.columns == nil {
		return
	}
	stop := make(chan struct{})
	x.stop = stop
	x.stopped.Go(func() { x.tick(stop) })
}

func (x *screen) clear() {
	x.mu.Lock()
	x.progress = nil
	stop := x.stop
	x.stop = nil
	x.mu.Unlock()
	if stop == nil {
		return
	}
	close(stop)
	x.stopped.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.erase()
}

func (x *screen) tick(stop <-chan struct{}) {
	ticker := time.NewTicker(barsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			x.mu.Lock()
			if x.progress != nil && now.Sub(x.progress.began) >= barsAfter {
				x.progress.pace(now)
				x.draw(now)
			}
			x.mu.Unlock()
		}
	}
}

// draw shows the bars over the previous ones, in one write and without erasing them first, so that
// nothing flickers.
func (x *screen) draw(now time.Time) {
	if x.progress == nil {
		return
	}
	lines := x.progress.lines(now, x.columns())
	if len(lines) < x.drawn || len(lines) == 0 {
		x.erase()
	}
	if len(lines) == 0 {
		return
	}
	text := "\r" + strings.Repeat("\x1b[A", max(x.drawn-1, 0)) +
		strings.Join(lines, "\x1b[K\n") + "\x1b[K"
	x.drawn = len(lines)
	_, _ = io.WriteString(x.stderr, text)
}
