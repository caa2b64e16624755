package main

import (
	"path/filepath"
	"testing"
	"time"

	"ferry/bench"
)

func TestDiffTellsWorseFromNoDifferenceAndWrongUse(t *testing.T) {
	same, slow := saved(t, 10, 0), saved(t, 10, time.Millisecond)
	few, slowFew := saved(t, 2, 0), saved(t, 2, time.Millisecond)
	wantRun(t, 0, "0 better, 0 worse", "", "diff", same, same)
	wantRun(t, 1, "worse, p<0.001", "worse in 4 of 6 figures", "diff", same, slow)
	wantRun(t, 0, "better, p<0.001", "", "diff", slow, same)
	wantRun(t, 0, "0 worse", "", "diff", same, slow, "--figure", "transfers/s")
	wantRun(t, 0, "0 worse", "", "diff", same, slow, "--min-change", "200")
	wantRun(t, 2, "too few turns", "where 5 of each are needed", "diff", few, slowFew)
	wantRun(t, 2, "", "compare two files", "diff", same)
	wantRun(t, 2, "", "--alpha 2", "diff", same, slow, "--alpha", "2")
	wantRun(t, 2, "", "--min-change -1", "diff", same, slow, "--min-change", "-1")
	wantRun(t, 2, "", "no figure is called", "diff", same, slow, "--figure", "gut")
	wantRun(t, 2, "", "no such file", "diff", same, filepath.Join(t.TempDir(), "none"))
}

func TestDiffComparesTargetsOfOneRun(t *testing.T) {
	r, err := bench.LoadResult(saved(t, 8, 0))
	if err != nil {
		t.Fatal(err)
	}
	other, err := bench.LoadResult(saved(t, 8, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	other.Targets[0].Name = "other"
	r.Targets = append(r.Targets, other.Targets...)
	file := filepath.Join(t.TempDir(), "both.json")
	if err = bench.SaveResult(file, r); err != nil {
		t.Fatal(err)
	}
	wantRun(t, 1, "ferryd → other, 3 clients", "worse", "diff", file, "--targets", "ferryd,other")
	wantRun(t, 0, "other → ferryd, 3 clients", "", "diff", file, "--targets", "other,ferryd")
	wantRun(t, 2, "", "there are ferryd, other", "diff", file, "--targets", "ferryd,x")
	wantRun(t, 2, "", "two targets, OLD,NEW, of one FILE", "diff", file, file, "--targets",
		"ferryd,other")
	wantRun(t, 2, "", "two targets, OLD,NEW, of one FILE", "diff", file, "--targets", "ferryd")
}
