package bench

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestResultIsWrittenToPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- SaveResult(name, synthetic{turns: 1}.result()) }()
	r, err := LoadResult(name)
	if err != nil || r.Scenario != "mixed" {
		t.Errorf("%+v, %v", r, err)
	}
	if err = <-wrote; err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v, %v", info.Mode(), err)
	}
}
