package shell

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// The README of ferry names every field of --json, every outcome, every kind of failure, and every
// exit status.
func TestReadmeDescribesJSON(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "ferry", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n| field | value |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	words := []string{
		outcomeDone, outcomeUnconfirmed, outcomeSame, outcomePlanned, outcomeSkipped,
		outcomeFailed, outcomeInterrupted, "names", "other",
	}
	for _, k := range kindWords {
		words = append(words, k.word)
	}
	for field := range reflect.TypeFor[result]().Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
			words = append(words, tag)
		}
	}
	for _, word := range words {
		if !strings.Contains(table, "`"+word+"`") {
			t.Errorf("README.md does not describe %s", word)
		}
	}
	for _, status := range []int{
		StatusDone, StatusFailed, StatusWrongUse, StatusNoServer, StatusLost, StatusInterrupted,
	} {
		if !strings.Contains(string(text), "\n| "+strconv.Itoa(status)+" | ") {
			t.Errorf("README.md does not describe status %d", status)
		}
	}
}
