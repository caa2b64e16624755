package shell

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/peterh/liner"
)

// Editor is a line editor on the program's terminal: history that is kept from run to run, and
// completion. The terminal is as it was between the lines, so that Ctrl-C is a signal while a
// command runs, and other programs may use it.
type Editor struct {
	mu      sync.Mutex
	state   *liner.State
	usual   liner.ModeApplier
	raw     liner.ModeApplier
	history string
	last    string
	closed  bool
}

// historyMost is how many lines of history are kept: more than anybody goes back.
const historyMost = 1000

// NewEditor makes an editor of stdin and stdout, whose history is in a file; "" keeps none.
func NewEditor(history string) (*Editor, error) {
	usual, err := liner.TerminalMode()
	if err != nil {
		return nil, err
	}
	e := &Editor{usual: usual, state: liner.NewLiner(), history: history}
	e.state.SetCtrlCAborts(true)
	e.state.SetTabCompletionStyle(liner.TabPrints)
	e.state.SetBeep(false)
	if e.raw, err = liner.TerminalMode(); err != nil {
		return nil, err
	}
	e.load()
	return e, e.usual.ApplyMode()
}

// load reads the history, and shortens its file when it has grown too long.
func (e *Editor) load() {
	if e.history == "" {
		return
	}
	text, err := os.ReadFile(e.history)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) > 2*historyMost {
		lines = lines[len(lines)-historyMost:]
		_ = os.WriteFile(e.history, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
	}
	for _, line := range lines[max(0, len(lines)-historyMost):] {
		e.state.AppendHistory(line)
		e.last = line
	}
}

// Complete sets what completes a line.
func (e *Editor) Complete(
	f func(line string, pos int) (head string, candidates []string, tail string),
) {
	e.state.SetWordCompleter(f)
}

// ReadLine shows a prompt and returns what was typed.
func (e *Editor) ReadLine(prompt string) (string, error) {
	if err := e.raw.ApplyMode(); err != nil {
		return "", err
	}
	line, err := e.state.Prompt(prompt)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return "", io.EOF
	}
	_ = e.usual.ApplyMode()
	if errors.Is(err, liner.ErrPromptAborted) {
		return "", ErrAborted
	}
	if err == nil {
		e.keep(line)
	}
	return line, err
}

// keep adds a line to the history, unless it is the last one again or begins with a space.
func (e *Editor) keep(line string) {
	if strings.TrimSpace(line) == "" || line == e.last || line[0] == ' ' {
		return
	}
	e.last = line
	e.state.AppendHistory(line)
	if e.history == "" {
		return
	}
	if os.MkdirAll(filepath.Dir(e.history), 0o700) != nil {
		return
	}
	// Each line goes to its end at once: other runs of the program write there too.
	f, err := os.OpenFile(e.history, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	w := bufio.NewWriter(f)
	_, _ = w.WriteString(line + "\n")
	_ = w.Flush()
	_ = f.Close()
}

// Close gives the terminal back as it was. A prompt that was about to begin may change it once
// more, so that a second Close does it again.
func (e *Editor) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.usual.ApplyMode()
	}
	e.closed = true
	err := e.state.Close()
	return errors.Join(err, e.usual.ApplyMode())
}
