package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// startMax is how long a server may take until it says where it listens: a second would do on
	// a machine that does nothing else.
	startMax = 20 * time.Second
	// stopMax is how long a server may take to end: its drain's 30 s and a little.
	stopMax = 40 * time.Second
	// lookEvery is how often a starting server's address file is looked for.
	lookEvery = 10 * time.Millisecond
)

// Server is a ferryd that this process started, and that it ends.
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

// FindServer gives the path of a ferryd: beside the running program, else in PATH, else built into
// scratch, which works inside of the module only.
func FindServer(ctx context.Context, scratch string) (string, error) {
	name := "ferryd"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	built := filepath.Join(scratch, name)
	out, err := exec.CommandContext(ctx, "go", "build", "-o", built,
		"ferry/reactor/ferryd").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("no ferryd beside this program or in PATH, and it did not build "+
			"here (name one with --server): %w: %s", err, bytes.TrimSpace(out))
	}
	return built, nil
}

// StartServer runs program on a port of its own choice on 127.0.0.1, with folder/files as its root
// and what it prints in folder/ferryd.log, and returns once it listens. Further arguments follow
// its own. The caller calls Stop.
func StartServer(ctx context.Context, program, folder string, args ...string) (*Server, error) {
	root, announced := filepath.Join(folder, "files"), filepath.Join(folder, "address")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	s := &Server{log: filepath.Join(folder, "ferryd.log"), ended: make(chan struct{})}
	if err := os.Remove(announced); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // an earlier server's address would be taken for this one's
	}
	log, err := os.Create(s.log)
	if err != nil {
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

// awaitAddress waits for the line HOST:PORT in the file. A line that is not ended is not whole.
func (s *Server) awaitAddress(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		text, err := os.ReadFile(file)
		if line, whole := bytes.CutSuffix(text, []byte("\n")); err == nil && whole {
			s.Address = string(line)
			_, _, err = net.SplitHostPort(s.Address)
			return err
		}
		select {
		case <-look.C:
		case <-s.ended:
			return fmt.Errorf("ended before it listened: %w", s.state)
		case <-ctx.Done():
			return fmt.Errorf("no address after %v: %w", startMax, ctx.Err())
		}
	}
}

// Stop asks the server to end by SIGTERM and waits for it. The error is nil when it ended with
// status 0; otherwise it says how it ended, with the last lines of its log.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil &&
		!errors.Is(err, os.ErrProcessDone) {
		_ = s.cmd.Process.Kill() // no such signal on this system
	}
	limit := time.NewTimer(stopMax)
	defer limit.Stop()
	select {
	case <-s.ended:
	case <-limit.C:
		_ = s.cmd.Process.Kill()
		<-s.ended
		return fmt.Errorf("ferryd did not end within %v of SIGTERM and was killed%s", stopMax,
			s.tail())
	}
	if s.state != nil {
		return fmt.Errorf("ferryd ended with %w%s", s.state, s.tail())
	}
	return nil
}

// tail gives the last lines of what the server printed, each indented, after a line end.
func (s *Server) tail() string {
	const linesMax = 10
	text, err := os.ReadFile(s.log)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-linesMax):]
	return "\n  " + strings.Join(lines, "\n  ")
}
