package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReportMakesOnePageOfFiles(t *testing.T) {
	one, two := saved(t, 3, 0), saved(t, 3, time.Millisecond)
	page := filepath.Join(t.TempDir(), "page.html")
	wantRun(t, 0, "wrote "+page, "", "report", one, "-o", page)
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "<figcaption>Latency of ferryd") {
		t.Errorf("%v, %.100s", err, text)
	}
	// Two files of one name are told apart by their paths.
	wantRun(t, 0, "wrote", "", "report", one, two, "-o", page)
	text, err = os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), one+": ferryd") ||
		!strings.Contains(string(text), two+": ferryd") {
		t.Errorf("%v, %.100s", err, text)
	}
	wantRun(t, 2, "", "requires at least 1 arg", "report")
	wantRun(t, 2, "", "no such file", "report", filepath.Join(t.TempDir(), "none"), "-o", page)
	wantRun(t, 1, "", "no such file", "report", one, "-o", filepath.Join(t.TempDir(), "no", "page"))
}
