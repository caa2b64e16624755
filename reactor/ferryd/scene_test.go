package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scene is what one script has: its servers and its hand-driven clients.
type scene struct {
	tb      testing.TB
	servers []*process
	wires   map[string]*wire
}

// scripted makes a command of a method. None of them can be negated.
func scripted(
	f func(*scene, *testscript.TestScript, []string) error,
) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		ts.Check(f(ts.Value(sceneKey{}).(*scene), ts, args))
	}
}

// close closes what the script left open, and ends its servers.
func (s *scene) close() {
	for _, w := range s.wires {
		_ = w.conn.Close()
	}
	for _, p := range s.servers {
		if !p.over() {
			p.signal(syscall.SIGTERM)
		}
		if status, err := p.wait(); err != nil || status != p.expected {
			s.tb.Errorf("ferryd ended with status %d, not %d: %v", status, p.expected, err)
		}
		if s.tb.Failed() {
			s.tb.Logf("the log of ferryd:\n%s", p.log.text())
		}
	}
}

func (s *scene) server() (*process, error) {
	if len(s.servers) == 0 {
		return nil, fmt.Errorf("no server was started")
	}
	return s.servers[len(s.servers)-1], nil
}

func (s *scene) serve(ts *testscript.TestScript, args []string) error {
	p, err := startServer(ts.MkAbs("."), args...)
	if p != nil {
		s.servers = append(s.servers, p)
	}
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(p.address)
	ts.Setenv("HOST", host)
	ts.Setenv("PORT", port)
	_, classic, _ := net.SplitHostPort(p.classic)
	ts.Setenv("CLASSIC", classic)
	line, _ := p.log.last("server started")
	fingerprint, _ := line["certificate_sha256"].(string)
	ts.Setenv("SHA256", fingerprint)
	ts.Logf("%s", p.address)
	return err
}

// ports finds three free ports that lie as those of the classic exchange do, and below those that
// outgoing connections are given.
func (s *scene) ports(ts *testscript.TestScript, _ []string) error {
	for range 100 {
		control := 20_000 + rand.IntN(10_000)
		free := true
		for _, port := range []int{control, control - 1, control + 2} {
			l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free {
			ts.Setenv("PORTS", fmt.Sprintf("%d,%d,%d", control, control-1, control+2))
			ts.Setenv("FILES", strconv.Itoa(control-1))
			ts.Setenv("MESSAGES", strconv.Itoa(control+2))
			return nil
		}
	}
	return fmt.Errorf("no three ports are free")
}

var signals = map[string]syscall.Signal{
	"TERM": syscall.SIGTERM, "INT": syscall.SIGINT,
	"KILL": syscall.SIGKILL, "USR1": syscall.SIGUSR1, "HUP": syscall.SIGHUP,
}

func (s *scene) signal(_ *testscript.TestScript, args []string) error {
	p, err := s.server()
	if err != nil {
		return err
	}
	if len(args) != 1 || signals[args[0]] == 0 {
		return fmt.Errorf("use: signal TERM|INT|KILL|USR1")
	}
	p.signal(signals[args[0]])
	return nil
}

func (s *scene) ended(_ *testscript.TestScript, args []string) error {
	p, err := s.server()
	if err != nil {
		return err
	}
	if p.expected, err = strconv.Atoi(strings.Join(args, " ")); err != nil {
		return fmt.Errorf("use: ended STATUS")
	}
	status, err := p.wait()
	if err == nil && status != p.expected {
		err = fmt.Errorf("status %d, not %d", status, p.expected)
	}
	return err
}

func (s *scene) endServer(ts *testscript.TestScript, _ []string) error {
	if err := s.signal(ts, []string{"TERM"}); err != nil {
		return err
	}
	return s.ended(ts, []string{"0"})
}

// ownVariables are what a script sets for the programs, beside what the test has.
var ownVariables = []string{
	"HOME", "XDG_CONFIG_HOME", "FERRY_EXCHANGE", "FERRY_PASSWORD", "FERRY_TLS_FINGERPRINT",
	"FERRY_USER",
}

func (s *scene) fails(ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("use: fails STATUS PROGRAM [ARG...]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var faults strings.Builder
	cmd := exec.CommandContext(ctx, args[1], args[2:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), ts.Stdout(), &faults
	cmd.Env = os.Environ()
	for _, name := range ownVariables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	err := cmd.Run()
	_, _ = ts.Stderr().Write([]byte(faults.String()))
	if status := strconv.Itoa(cmd.ProcessState.ExitCode()); status != args[0] {
		return fmt.Errorf("status %s, not %s: %w", status, args[0], err)
	}
	if n := strings.Count(faults.String(), "\n"); n != 1 {
		return fmt.Errorf("%d lines on stderr", n)
	}
	return nil
}

func (s *scene) logged(_ *testscript.TestScript, args []string) error {
	p, err := s.server()
	if err != nil {
		return err
	}
	fields, err := parseFields(args)
	if err != nil {
		return err
	}
	return p.log.await(fields.match)
}

// status asks again whenever the answer is another one: what a client has sent may still be on its
// way when the server hears the signal.
func (s *scene) status(_ *testscript.TestScript, args []string) error {
	p, err := s.server()
	if err != nil {
		return err
	}
	want, err := parseFields(append(args, "message=status"))
	if err != nil {
		return err
	}
	answers := func(text string) int { return strings.Count(text, `"message":"status"`) }
	for begin := time.Now(); time.Since(begin) < patience; {
		before := answers(p.log.text())
		p.signal(syscall.SIGUSR1)
		err := p.log.awaitText(func(text string) bool { return answers(text) > before })
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSpace(p.log.text()), "\n")
		if slices.ContainsFunc(lines, want.match) {
			return nil
		}
	}
	return fmt.Errorf("the counters did not become so within %v", patience)
}

func (s *scene) logs(_ *testscript.TestScript, args []string) error {
	p, err := s.server()
	if err != nil {
		return err
	}
	match, err := matchText(strings.Join(args, " "))
	if err != nil {
		return err
	}
	return p.log.await(match)
}

func (s *scene) fill(ts *testscript.TestScript, args []string) error {
	file, size, err := fileAndSize(ts, args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	return os.WriteFile(file, noise(uint64(size), size), 0o666)
}

// noise is n bytes that differ everywhere and are the same each time.
func noise(seed uint64, n int64) []byte {
	b := make([]byte, n)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

func (s *scene) sparse(ts *testscript.TestScript, args []string) error {
	file, size, err := fileAndSize(ts, args)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		return err
	}
	return os.Truncate(file, size)
}

func fileAndSize(ts *testscript.TestScript, args []string) (string, int64, error) {
	if len(args) != 2 {
		return "", 0, fmt.Errorf("give FILE SIZE")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	return ts.MkAbs(args[0]), size, err
}
