package shell

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/peterh/liner"
)

// Editor is a line editor on the program's terminal, with completion and a kept history. Between
// lines the terminal is in its usual mode, so that Ctrl-C is a signal while a command runs.
type Editor struct {
	mu      sync.Mutex
	state   *liner.State
	usual   liner.ModeApplier
	raw     liner.ModeApplier
	history string
	last    string
	closed  bool
}

// historyMost is how many lines of history are kept.
const historyMost = 1000

// NewEditor makes an editor on stdin and stdout, with its history in a file; "" keeps none.
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

// complete sets what completes a line: it returns what precedes the candidates, they, and the rest.
func (e *Editor) complete(f liner.WordCompleter) { e.state.SetWordCompleter(f) }

// readLine shows a prompt and returns what was typed; io.EOF if the person wants to leave.
func (e *Editor) readLine(prompt string) (string, error) {
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
		return "", errAborted
	}
	if err == nil {
		e.keep(line)
	}
	return line, err
}

// keep adds a line to the history, unless it repeats the last one or begins with a space.
func (e *Editor) keep(line string) {
	if strings.TrimSpace(line) == "" || line == e.last || line[0] == ' ' {
		return
	}
	e.last = line
	e.state.AppendHistory(line)
	if e.history == "" || os.MkdirAll(filepath.Dir(e.history), 0o700) != nil {
		return
	}
	// Append each line at once: other runs of the program write there too.
	f, err := os.OpenFile(e.history, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = f.WriteString(line + "\n")
		_ = f.Close()
	}
}

// Close restores the terminal's mode. A prompt that was about to begin may change it again; then a
// second Close restores it.
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
