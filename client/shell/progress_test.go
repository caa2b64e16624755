package shell

import (
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
)

func TestBarLineFitsWidth(t *testing.T) {
	got := barLine(100, "boat.ogg", 5_000_000, 10_000_000, 1e6)
	for _, part := range []string{
		"boat.ogg  ", " 50% [####", "....] ", "5.0 MB of 10 MB  1.0 MB/s  0:05 left",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q lacks %q", got, part)
		}
	}
	got = barLine(80, "boat.ogg", 0, -1, 0)
	if want := "boat.ogg" + strings.Repeat(" ", 18) + "0 B"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBarLineNeverWraps(t *testing.T) {
	for columns := range 140 {
		for _, name := range []string{
			"", "a", strings.Repeat("long", 99), "日本語の名前日本語の名前日本語", "\x1b[2J\n\r", "\xff",
		} {
			for _, size := range []int64{-1, 0, 1, 9_999_999_999, 1 << 60} {
				line := barLine(columns, name, size/3, size, 123456789)
				if w := runewidth.StringWidth(line); w >= max(columns, 11) {
					t.Fatalf("%d cells of %d: %q", w, columns, line)
				}
				if strings.ContainsAny(line, "\x1b\r\n") {
					t.Fatalf("%q would move the cursor", line)
				}
			}
		}
	}
}

func TestProgressCountsEndedFiles(t *testing.T) {
	p := &progress{began: time.Now(), files: 3, bytes: 300}
	now := p.began
	a, b := p.begin("a", 100), p.begin("b", 100)
	for i := range 20 {
		now = now.Add(time.Second)
		a.set(int64(5*i), 100)
		p.pace(now)
	}
	if a.pace.rate < 4.9 || a.pace.rate > 5.1 {
		t.Errorf("5 bytes a second are %v", a.pace.rate)
	}
	lines := p.lines(now, 100)
	if len(lines) != 3 ||
		!strings.HasPrefix(lines[0], "a ") || !strings.HasPrefix(lines[1], "b ") ||
		!strings.HasPrefix(lines[2], "all: 0 of 3 files, 0:20") ||
		!strings.Contains(lines[2], "95 B of 300 B") {
		t.Errorf("%q", lines)
	}
	p.end(a, 100)
	p.end(b, 100)
	lines = p.lines(now, 100)
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "all: 2 of 3 files") ||
		!strings.Contains(lines[0], " 66% ") || !strings.Contains(lines[0], "200 B of 300 B") {
		t.Errorf("%q", lines)
	}
}

func TestClockFormat(t *testing.T) {
	for seconds, want := range map[float64]string{
		-1: "0:00", 0.9: "0:00", 61: "1:01", 3599: "59:59", 3600: "1:00:00", 1e12: "99:59:59",
	} {
		if got := clockText(time.Duration(min(seconds, 9e9) * 1e9)); got != want {
			t.Errorf("%v s: %s, want %s", seconds, got, want)
		}
	}
}

func TestShortProgressStops(t *testing.T) {
	var x screen
	x.begin(new(strings.Builder), new(strings.Builder), func() int { return 40 })
	for range 1000 {
		x.show(&progress{began: time.Now(), bytes: -1})
		x.clear()
	}
	if x.drawn != 0 || x.progress != nil {
		t.Errorf("%d lines are left", x.drawn)
	}
}

func TestLinesStandAboveTheBars(t *testing.T) {
	var out, errs strings.Builder
	var x screen
	x.begin(&out, &errs, func() int { return 40 })
	x.progress = &progress{began: time.Now(), files: 2, bytes: -1}
	x.progress.begin("a", -1)
	x.draw(x.progress.began)
	if x.drawn != 2 || strings.Count(errs.String(), "\n") != 1 {
		t.Errorf("%d lines: %q", x.drawn, errs.String())
	}
	errs.Reset()
	x.err("a line\n")
	text := errs.String()
	if !strings.HasPrefix(text, "\r\x1b[K\x1b[A\x1b[Ka line\n\ra ") || x.drawn != 2 {
		t.Errorf("%q", text)
	}
	errs.Reset()
	x.progress = nil
	x.out("more\n")
	if x.drawn != 0 || errs.String() != "\r\x1b[K\x1b[A\x1b[K" || out.String() != "more\n" {
		t.Errorf("%q, %q", errs.String(), out.String())
	}
}
