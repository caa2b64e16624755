package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReportMakesOnePage(t *testing.T) {
	one := saved(t, 3, 0)
	page := filepath.Join(t.TempDir(), "page.html")
	wantRun(t, 0, "wrote "+page, "", "report", one, "-o", page)
	text, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(text), "<figcaption>Latency of ferryd") {
		t.Errorf("%v, %.100s", err, text)
	}
	wantRun(t, 2, "", "give one result file", "report")
	wantRun(t, 2, "", "no such file", "report", filepath.Join(t.TempDir(), "none"), "-o", page)
	wantRun(t, 1, "", "no such file", "report", one, "-o", filepath.Join(t.TempDir(), "no", "page"))
}
