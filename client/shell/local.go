package shell

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ferry/client"
)

func localVerbs() []verb {
	return []verb{
		{
			words: []string{"lcd"}, usage: "[FOLDER]", most: 1,
			says:     "change the local folder; without FOLDER, to your home",
			examples: []string{"lcd Downloads"},
			takes:    []kind{localFolder}, run: runLocalCd,
		},
		{
			words: []string{"lls"}, usage: "[PATH]", most: 1,
			options: []option{{letter: "l", name: "long", says: "with sizes and times"}, all},
			says:    "list a local folder",
			takes:   []kind{localFolder}, run: runLocalList,
		},
		{
			words: []string{"lpwd"}, says: "show the local folder", run: runLocalPwd,
		},
		keptVerb(),
		{
			words: []string{"!"}, usage: "[COMMAND]", most: 1,
			says:     "run a command in this machine's shell, or the shell",
			examples: []string{"!date", "! df -h ."},
			run:      runSystem,
		},
	}
}

func runLocalCd(_ context.Context, s *Shell, c *command) error {
	home, err := os.UserHomeDir()
	if err != nil && len(c.words) == 0 {
		return failure("lcd", client.ErrLocal, err)
	}
	to := s.local(c.word(0, home))
	info, err := os.Stat(to)
	if err == nil && !info.IsDir() {
		err = errNotFolder
	}
	if err != nil {
		return failure(to, client.ErrLocal, err)
	}
	s.Dir = to
	return nil
}

func runLocalPwd(_ context.Context, s *Shell, _ *command) error {
	whole, err := filepath.Abs(s.Dir)
	if err != nil {
		return failure("lpwd", client.ErrLocal, err)
	}
	if s.JSON {
		s.tell(&result{Command: "lpwd", Local: whole, Outcome: outcomeDone})
		return nil
	}
	return s.put(s.paint(whole) + "\n")
}

func runLocalList(_ context.Context, s *Shell, c *command) error {
	folder := s.local(c.word(0, "."))
	list, err := os.ReadDir(folder)
	if err != nil {
		return failure(folder, client.ErrLocal, err)
	}
	var names []string
	var entries []client.Entry
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") && !c.has["all"] {
			continue
		}
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
		if info, err := e.Info(); err == nil {
			entries = append(entries, client.Entry{Name: e.Name(), Info: client.Info{
				Folder: e.IsDir(), Size: info.Size(), Modified: info.ModTime(),
			}})
		}
	}
	if c.has["long"] {
		return s.showEntries(entries, true)
	}
	return s.showNames(result{Command: "lls", Local: folder}, names)
}

// runSystem runs a line of the system's shell in the local folder. Ctrl-C is for that, while this
// program waits.
func runSystem(_ context.Context, s *Shell, c *command) error {
	line := c.word(0, "")
	cmd := systemShell(line)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.local("."), s.Out, s.Err
	if s.Prompt {
		// Lines on a pipe are this program's own.
		cmd.Stdin = s.In
	}
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return failure("!"+line, client.ErrLocal, errors.New(ended.String()))
	}
	if err != nil {
		return failure("!"+line, client.ErrLocal, err)
	}
	return nil
}
