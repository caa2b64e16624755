//go:build unix

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever reads the log may go away, or stop reading: what is served goes on, and ends when it
// shall.

// startWith runs ferryd with its log going to a pipe, and returns once it listens.
func startWith(t *testing.T, log *os.File) (p *process, root string) {
	t.Helper()
	dir := t.TempDir()
	root, file := filepath.Join(dir, "root"), filepath.Join(dir, "address")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	p = &process{done: make(chan struct{})}
	p.log.changed = make(chan struct{})
	p.cmd = exec.Command(filepath.Join(programs, "ferryd"), "0", "--root", root,
		"--listen", "127.0.0.1", "--addr-file", file)
	p.cmd.Stderr = log
	if err := p.start(withoutRights); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.over() {
			p.signal(syscall.SIGKILL)
			<-p.done
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); ; <-tick.C {
		if text, err := os.ReadFile(file); err == nil {
			p.address = strings.TrimSpace(string(text))
			return p, root
		}
		if p.over() || time.Now().After(until) {
			t.Fatal("it does not listen")
		}
	}
}

// ferry runs a client's command against the server.
func (p *process) ferry(t *testing.T, words ...string) {
	t.Helper()
	words = append([]string{p.address}, words...)
	client := exec.Command(filepath.Join(programs, "ferry"), words...)
	if out, err := client.CombinedOutput(); err != nil {
		t.Fatalf("ferry %q: %v: %s", words, err, out)
	}
}

// wantEnd sends SIGTERM and demands the status 0.
func (p *process) wantEnd(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	if status, err := p.wait(); status != 0 || err != nil {
		t.Errorf("it ended with %v, %v: %v", status, err, p.err)
	}
}

func TestServerOutlivesTheReaderOfItsLog(t *testing.T) {
	lookAtSources(t)
	reader, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, root := startWith(t, log)
	_ = log.Close()
	if _, err := bufio.NewReader(reader).ReadString('\n'); err != nil {
		t.Error(err)
	}
	_ = reader.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o666); err != nil {
		t.Fatal(err)
	}
	p.ferry(t, "ls") // its lines meet nobody
	p.ferry(t, "put", file)
	if got, err := os.ReadFile(filepath.Join(root, "file")); string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	p.wantEnd(t)
}

func TestServerEndsThoughNobodyReadsItsLog(t *testing.T) {
	lookAtSources(t)
	reader, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	// A pipe that is full takes no line.
	fd := int(log.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; {
		_, err = syscall.Write(fd, make([]byte, 4096))
	}
	if err != syscall.EAGAIN {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	p, _ := startWith(t, log)
	_ = log.Close()
	p.ferry(t, "ls")
	p.wantEnd(t)
}
