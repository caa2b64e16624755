package usage

import (
	"regexp"
	"runtime"
	"testing"
)

func TestVersionSaysWhatBuiltIt(t *testing.T) {
	want := regexp.MustCompile(`^\S+( [0-9a-f]{12})? go1\S* ` + runtime.GOOS + "/")
	if got := Version(); !want.MatchString(got) {
		t.Error(got)
	}
}
