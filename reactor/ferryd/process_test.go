package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a ferryd that a test runs.
type process struct {
	// address is where it listens, HOST:PORT; classic is where it does for classic clients.
	address, classic string
	log              follower
	// expected is the status that it shall end with.
	expected int

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of its end; after done
}

// startServer runs ferryd in a folder, with the folder root in it as its root, on a free port of
// 127.0.0.1, and returns once clients can connect. Flags override that. The caller ends it.
func startServer(dir string, flags ...string) (*process, error) {
	return startLogging(dir, nil, flags...)
}

// startLogging is startServer that keeps those lines of the log that keep says yes to, or all.
func startLogging(dir string, keep func([]byte) bool, flags ...string) (*process, error) {
	return startBy(withoutRights, dir, keep, flags...)
}

// startBy is startLogging where launch calls what starts the program, on a thread that it chooses.
func startBy(
	launch func(start func() error) error, dir string, keep func([]byte) bool, flags ...string,
) (*process, error) {
	file := filepath.Join(dir, "address")
	args := []string{
		"0", "--root", "root", "--listen", "127.0.0.1",
		"--log-format", "json", "--addr-file", file,
	}
	p := &process{done: make(chan struct{})}
	p.log.changed, p.log.keep = make(chan struct{}), keep
	if len(flags) > 0 && flags[0] == "--" { // no port for base
		args, flags = args[1:], flags[1:]
	}
	p.cmd = exec.Command(filepath.Join(programs, "ferryd"), append(args, flags...)...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.start(launch); err != nil {
		return nil, err
	}
	started := func(line string) bool { return strings.Contains(line, "serve") }
	if err := p.log.await(started); err != nil {
		p.expected = -1
		p.signal(syscall.SIGKILL)
		return p, err
	}
	text, err := os.ReadFile(file)
	address, whole := strings.CutSuffix(string(text), "\n")
	if err == nil && !whole {
		err = fmt.Errorf("--addr-file holds %q", text)
	}
	p.address, p.classic, _ = strings.Cut(address, "\n")
	if p.classic == "" {
		p.classic = p.address // of a server for nobody else
	}
	return p, err
}

// withoutRights starts a program without the rights that let root read and write whatever it likes,
// since the tests are about files that cannot be read. The goroutine ends with its thread locked,
// and so the thread that gave them up ends too.
func withoutRights(start func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		dropRights()
		failed <- start()
	}()
	return <-failed
}

// start runs the program.
func (p *process) start(launch func(start func() error) error) error {
	if err := launch(p.cmd.Start); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		p.log.close()
		close(p.done)
	}()
	return nil
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// over says whether the program has ended.
func (p *process) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits for the end and gives the exit status. One that takes too long is killed.
func (p *process) wait() (status int, err error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		p.signal(syscall.SIGKILL)
		<-p.done
		return -1, fmt.Errorf("it did not end within %v and was killed", patience)
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		return -1, p.err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// follower takes a log in and lets others wait for lines.
type follower struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
	closed  bool
	// keep says which lines are kept, nil keeps all; begun is a line that has not ended yet.
	keep  func(line []byte) bool
	begun []byte
}

// Write implements io.Writer.
func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keep == nil {
		f.buffer.Write(p)
	} else {
		f.begun = append(f.begun, p...)
		for {
			i := bytes.IndexByte(f.begun, '\n') + 1
			if i == 0 {
				break
			}
			if f.keep(f.begun[:i]) {
				f.buffer.Write(f.begun[:i])
			}
			f.begun = f.begun[i:]
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return len(p), nil
}

func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *follower) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.buffer.String()
}

// last is the last line with a message, as what stands in it.
func (f *follower) last(message string) (map[string]any, error) {
	lines := strings.Split(strings.TrimSpace(f.text()), "\n")
	for _, line := range slices.Backward(lines) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["message"] == message {
			return fields, nil
		}
	}
	return nil, fmt.Errorf("no line says %q", message)
}

// await waits until a line matches.
func (f *follower) await(match func(line string) bool) error {
	return f.awaitText(func(text string) bool {
		for line := range strings.Lines(text) {
			if match(strings.TrimSuffix(line, "\n")) {
				return true
			}
		}
		return false
	})
}

// awaitText waits until all that came so far matches.
func (f *follower) awaitText(match func(text string) bool) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		f.mu.Lock()
		text, changed, closed := f.buffer.String(), f.changed, f.closed
		f.mu.Unlock()
		if match(text) {
			return nil
		}
		if closed {
			return errors.New("the program ended, and printed no such thing")
		}
		select {
		case <-changed:
		case <-limit.C:
			return fmt.Errorf("no such thing was printed within %v", patience)
		}
	}
}

// fields are patterns that fields of a line of JSON must match.
type fields map[string]*regexp.Regexp

// parseFields takes KEY=REGEXP; KEY may be a path of keys with dots between them.
func parseFields(args []string) (fields, error) {
	want := make(fields)
	for _, arg := range args {
		key, pattern, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("%q: give KEY=REGEXP", arg)
		}
		re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil {
			return nil, err
		}
		want[key] = re
	}
	return want, nil
}

func (want fields) match(line string) bool {
	var got map[string]any
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if d.Decode(&got) != nil {
		return false
	}
	for path, re := range want {
		var value any = got
		for key := range strings.SplitSeq(path, ".") {
			inner, _ := value.(map[string]any)
			if value = inner[key]; value == nil {
				return false
			}
		}
		if !re.MatchString(fmt.Sprint(value)) {
			return false
		}
	}
	return true
}

func matchText(pattern string) (func(string) bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString, nil
}
