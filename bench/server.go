package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// startMax is how long a server may take to start.
	startMax = 20 * time.Second
	// stopMax is how long a server may take to stop: it drains for up to 30 s.
	stopMax = 40 * time.Second
	// lookEvery is how often a starting server's address file is looked for.
	lookEvery = 10 * time.Millisecond
)

// Server is a ferryd that this process started.
type Server struct {
	// Address is where it listens, as HOST:PORT.
	Address string
	// PID is its process.
	PID int

	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when the process has ended; state is readable then
	state error
}

// FindServer returns the path of a ferryd: next to the running program, else in PATH, else built
// into scratch, inside the module only.
func FindServer(ctx context.Context, scratch string) (string, error) {
	const name = "ferryd"
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	built := filepath.Join(scratch, name)
	out, err := exec.CommandContext(ctx, "go", "build", "-o", built,
		"ferry/reactor/ferryd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("no ferryd next to this program or in PATH, and building one failed "+
			"(name one with --server): %w: %s", err, bytes.TrimSpace(out))
	}
	return built, nil
}

// StartServer runs program on a free port of 127.0.0.1, with folder/files as its root and its
// output in folder/ferryd.log, and returns once it listens. The caller calls Stop.
func StartServer(ctx context.Context, program, folder string, args ...string) (*Server, error) {
	root, announced := filepath.Join(folder, "files"), filepath.Join(folder, "address")
	// Remove an earlier server's address, which would be taken for this one's.
	if err := os.RemoveAll(announced); err != nil {
		return nil, err
	}
	s := &Server{log: filepath.Join(folder, "ferryd.log"), ended: make(chan struct{})}
	log, err := os.Create(s.log)
	if err = errors.Join(err, os.MkdirAll(root, 0o755)); err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	own := []string{"0", "--listen", "127.0.0.1", "--root", root, "--addr-file", announced}
	s.cmd = exec.Command(program, append(own, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		s.state = s.cmd.Wait()
		close(s.ended)
	}()
	if err := s.awaitAddress(ctx, announced); err != nil {
		_ = s.cmd.Process.Kill()
		<-s.ended
		return nil, fmt.Errorf("%s: %w%s", program, err, s.tail())
	}
	return s, nil
}

// awaitAddress waits for a whole line HOST:PORT in the file.
func (s *Server) awaitAddress(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		text, _ := os.ReadFile(file) // it is not there yet
		if line, whole := strings.CutSuffix(string(text), "\n"); whole {
			s.Address = line
			return nil
		}
		select {
		case <-look.C:
		case <-s.ended:
			return fmt.Errorf("ended before it listened: %w", s.state)
		case <-ctx.Done():
			return fmt.Errorf("no address: %w", ctx.Err())
		}
	}
}

// Stop ends the server by SIGTERM, or by force if that fails, and waits for it. The error is nil if
// its status was 0; otherwise it includes the last lines of its log.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	limit := time.AfterFunc(stopMax, func() { _ = s.cmd.Process.Kill() })
	defer limit.Stop()
	if <-s.ended; s.state != nil {
		return fmt.Errorf("ferryd ended with %w%s", s.state, s.tail())
	}
	return nil
}

// tail is the last lines of the server's log, indented, after a line end.
func (s *Server) tail() string {
	text, _ := os.ReadFile(s.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "\n  " + strings.Join(lines[max(0, len(lines)-10):], "\n  ")
}
