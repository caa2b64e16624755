package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ferry/client"
)

func localVerbs() []verb {
	return []verb{
		{
			words: []string{"lcd"}, usage: "[FOLDER]", most: 1, bare: true,
			says:     "go to a local folder; alone, to your home",
			examples: []string{"lcd Downloads"},
			takes:    []kind{localFolder}, run: runLocalCd,
		},
		{
			words: []string{"lls"}, usage: "[PATH]", most: 1, bare: true,
			options: []option{{letter: 'l', name: "long", says: "with sizes and times"}, all},
			says:    "list a local folder",
			takes:   []kind{localFolder}, run: runLocalList,
		},
		{
			words: []string{"lpwd"}, says: "show the local folder", run: runLocalPwd,
		},
		keptVerb(),
		{
			words: []string{"!"}, usage: "[COMMAND]",
			says:     "run a command of this machine's shell, or the shell",
			examples: []string{"!date", "! df -h ."},
			run:      runSystem,
		},
	}
}

func runLocalCd(_ context.Context, s *Shell, c *command) error {
	to := ""
	if len(c.words) > 0 {
		to = s.local(c.words[0])
	} else {
		var err error
		if to, err = os.UserHomeDir(); err != nil {
			return &client.Error{Name: "lcd", Kind: client.ErrLocal, Err: err}
		}
	}
	info, err := os.Stat(to)
	if err == nil && !info.IsDir() {
		err = errNotFolder
	}
	if err != nil {
		return &client.Error{Name: to, Kind: client.ErrLocal, Err: err}
	}
	s.Dir = to
	return nil
}

func runLocalPwd(_ context.Context, s *Shell, _ *command) error {
	whole, err := filepath.Abs(s.Dir)
	if err != nil {
		return &client.Error{Name: "lpwd", Kind: client.ErrLocal, Err: err}
	}
	if s.JSON {
		s.tell(&result{Command: "lpwd", Local: whole, Outcome: outcomeDone})
		return nil
	}
	return s.put(s.paint(whole) + "\n")
}

func runLocalList(_ context.Context, s *Shell, c *command) error {
	folder := s.local(".")
	if len(c.words) > 0 {
		folder = s.local(c.words[0])
	}
	list, err := os.ReadDir(folder)
	if err != nil {
		return &client.Error{Name: folder, Kind: client.ErrLocal, Err: err}
	}
	var names []string
	for _, e := range list {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !c.has["all"] {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		if c.has["long"] {
			info, err := e.Info()
			if err != nil {
				continue
			}
			if s.JSON {
				s.tell(listedHere(info))
				continue
			}
			size := humanize.Comma(info.Size())
			if e.IsDir() {
				size = ""
			}
			names = append(names, fmt.Sprintf("%15s  %s  %s", size,
				info.ModTime().Format(timeShown), s.paint(name)))
			continue
		}
		names = append(names, s.paint(name))
	}
	if s.JSON {
		if !c.has["long"] {
			s.tellNames("lls", folder, names)
		}
		return nil
	}
	return s.put(strings.Join(append(names, ""), "\n"))
}

// listedHere is a line of a long listing as an object, as ls -l has it.
func listedHere(info os.FileInfo) *result {
	r := &result{
		Command: "lls", Local: info.Name(), Outcome: outcomeDone, Bytes: info.Size(),
		Type: "file", Modified: info.ModTime().UTC().Format(time.RFC3339),
	}
	if info.IsDir() {
		r.Type, r.Bytes = "dir", 0
	}
	return r
}

// timeShown is how listings show a time.
const timeShown = "2006-01-02 15:04"

// put prints what was asked for.
func (s *Shell) put(text string) error {
	if err := s.screen.ask(text); err != nil {
		return &client.Error{Name: "output", Kind: client.ErrLocal, Err: err}
	}
	return nil
}

// runSystem runs a line of the system's own shell, in the local folder. Ctrl-C is for it: it has
// the terminal, and this program waits.
func runSystem(_ context.Context, s *Shell, c *command) error {
	cmd := systemShell(c.bare)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.local("."), s.Out, s.Err
	if s.Prompt {
		// Lines on a pipe are this program's own.
		cmd.Stdin = s.In
	}
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return &client.Error{
			Name: "!" + c.bare, Kind: client.ErrLocal,
			Err: errors.New(ended.String()),
		}
	}
	if err != nil {
		return &client.Error{Name: "!" + c.bare, Kind: client.ErrLocal, Err: err}
	}
	return nil
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// sortedKeys are a map's keys in order.
func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
