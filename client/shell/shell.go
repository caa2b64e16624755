package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"ferry/client"
	"ferry/codec"
)

// The statuses that a shell ends with.
const (
	StatusDone        = 0
	StatusFailed      = 1 // a command failed
	StatusWrongUse    = 2 // a command or a flag is unknown, or was used wrongly
	StatusNoServer    = 3 // could not connect
	StatusLost        = 4 // the connection was lost
	StatusInterrupted = 130
)

// Shell is the line-mode program. It is owned by one goroutine; those of a batch report through
// locked parts.
type Shell struct {
	// Options are those of the sessions it opens.
	Options client.Options
	// Port is the port of servers given by host alone; 0 means that a server needs a port.
	Port uint16
	// Dir is the local folder that relative names start from, "" for the current one.
	Dir string
	// In gives the lines of a session. Out gets what was asked for, Err a line for each error.
	In       io.Reader
	Out, Err io.Writer
	Interactive

	// Commands run in place of the lines of In, and then the lines of the files Scripts, where "-"
	// means In.
	Commands, Scripts []string
	// Trace prints each command to Err before it runs.
	Trace bool
	// Quiet leaves out what succeeded; JSON reports it in objects, one a line.
	Quiet, JSON bool
	// Retries is how often to retry a failed connection or transfer.
	Retries int
	// Parallel is how many sessions a batch uses; 0 means 1.
	Parallel int
	// Config holds bookmarks; nil means none.
	Config *Config
	Security

	state
}

// Interactive is what a person at a terminal needs; its zero value suits scripts.
type Interactive struct {
	// Prompt asks for lines, and goes on after an error, which the person sees.
	Prompt bool
	// Editor reads a person's lines; nil means In.
	Editor *Editor
	// Terminal says that Out is a terminal: listings are escaped. Err is always escaped.
	Terminal bool
	// Colour allows colours on Out, which must be a terminal.
	Colour bool
	// Columns returns the width of the terminal that shows progress on Err; nil means no bars.
	Columns func() int
	// Interruptible derives the context of one command, which a person can end; nil means that of
	// Run.
	Interruptible func(context.Context) (context.Context, context.CancelFunc)
}

// state is what a shell knows while it runs.
type state struct {
	screen screen
	// main is the session of the prompt, nil before the first open.
	main *link
	// last is the server that was open last, and its folder.
	last target
	// folder is the remote folder that names start from, "" for the served root.
	folder string
	// single means that the running command is the only one; session that lines are read, so that
	// the next can reconnect; quit that the session ends.
	single, session, quit bool
	// listings caches remote folders for completion until the next command.
	listings map[string][]string
	// failure is the last one that the running command reported as an object.
	failure error
	report  sync.Mutex
	// idleMin is the constant, except in tests.
	idleMin time.Duration
}

const (
	prompt = "ftp> "
	// quitWait bounds the wait for the answer to quit: no file depends on it.
	quitWait = 2 * time.Second
)

// Run does what the program's arguments say: without any it starts unconnected, HOST PORT opens a
// session, and a command after them is run alone. It returns the program's status.
func (s *Shell) Run(ctx context.Context, args []string) int {
	s.screen.begin(s.Out, s.Err, s.Columns)
	if s.idleMin == 0 {
		s.idleMin = idleMin
	}
	defer s.leave(ctx)
	scripted := len(s.Commands)+len(s.Scripts) > 0
	if len(args) == 0 {
		if s.Prompt && !scripted {
			s.say("not connected; open HOST PORT connects, help lists the commands")
		}
		return s.source(ctx)
	}
	to, rest, err := s.parseTarget(args)
	if err == nil && scripted && len(rest) > 0 {
		err = errTwice
	}
	if to.file != "" {
		rest = append([]string{"get", to.file}, rest...)
	}
	var only *command
	if err == nil && len(rest) > 0 {
		only, err = s.only(rest, to.file != "")
	}
	if err != nil {
		return s.refuse("ferry", err)
	}
	opened := result{Command: "open", Remote: to.addr}
	if err := s.command(ctx, opened, func(ctx context.Context) error {
		return s.open(ctx, to)
	}); err != nil {
		return s.status(err)
	}
	if only != nil {
		s.trace(strings.Join(rest, " "))
		return s.one(ctx, only)
	}
	if s.Prompt && !scripted {
		s.say("connected to %s; help lists the commands", s.main.client.Addr())
	}
	return s.source(ctx)
}

var errTwice = &usageError{errors.New("give a command behind the server, or -e and -f, not both")}

// only parses the command of a command line; the file of a URL is no option.
func (s *Shell) only(words []string, isURL bool) (*command, error) {
	word, follows := strings.ToLower(words[0]), typed{}
	for i, w := range words[1:] {
		follows.add(w, isURL && i == 0)
	}
	if shellLine, ok := strings.CutPrefix(word, "!"); ok {
		word, follows = "!", wholeLine(shellLine+" "+strings.Join(follows.words, " "))
	}
	return s.find(word, &follows)
}

func (s *Shell) source(ctx context.Context) (status int) {
	s.session = true
	if len(s.Commands)+len(s.Scripts) == 0 {
		return s.lines(ctx, s.input(), s.Prompt)
	}
	for i := 0; i < len(s.Commands) && status == StatusDone && !s.quit; i++ {
		commands := strings.Join(splitCommands(s.Commands[i]), "\n")
		status = s.lines(ctx, readLines(strings.NewReader(commands)), false)
	}
	for i := 0; i < len(s.Scripts) && status == StatusDone && !s.quit; i++ {
		status = s.script(ctx, s.Scripts[i])
	}
	return status
}

// lines runs a line at a time until quit or the end of the input. A person sees each error and goes
// on; scripts stop at the first, unless its line begins with "-".
func (s *Shell) lines(ctx context.Context, next lineSource, person bool) int {
	for !s.quit && ctx.Err() == nil {
		text, err := next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.complain(fmt.Errorf("reading commands: %w", err))
			return StatusFailed
		}
		line, ignored := strings.CutPrefix(strings.TrimLeft(text, blanks), "-")
		status := s.line(ctx, line)
		if !person && status != StatusDone && (!ignored || status == StatusInterrupted) {
			return status
		}
	}
	if ctx.Err() != nil {
		return StatusInterrupted
	}
	return StatusDone
}

// line runs what was typed. # begins a comment.
func (s *Shell) line(ctx context.Context, text string) int {
	s.listings = nil
	text = strings.Trim(text, blanks)
	if text == "" || text[0] == '#' {
		return StatusDone
	}
	s.trace(text)
	word, follows, err := splitLine(text)
	if err != nil {
		return s.refuse(word, &usageError{err})
	}
	c, err := s.find(word, &follows)
	if err != nil {
		return s.refuse(word, err)
	}
	return s.one(ctx, c)
}

func (s *Shell) trace(text string) {
	if s.Trace {
		s.screen.err(codec.Printable("+ "+text) + "\n")
	}
}

func (s *Shell) one(ctx context.Context, c *command) int {
	s.single = true
	return s.status(s.command(ctx, c.failing(), func(ctx context.Context) error {
		if c.verb.connected {
			if err := s.connected(ctx); err != nil {
				return err
			}
		}
		return s.asTyped(c, c.verb.run(ctx, s, c))
	}))
}

// command runs f under a context that a person can end, and reports its failure: as an object made
// from r only if f has not done so.
func (s *Shell) command(ctx context.Context, r result, f func(context.Context) error) error {
	s.failure = nil
	if s.Interruptible != nil {
		var stop context.CancelFunc
		ctx, stop = s.Interruptible(ctx)
		defer stop()
	}
	err := f(ctx)
	s.screen.clear()
	// A session that ends after the only command harms nobody.
	if s.main != nil && s.main.over() && (err != nil || !s.single) {
		err = s.lost(err)
	}
	if err != nil {
		s.tellFailure(r, err)
		s.complain(err)
	}
	return err
}

// status is the program's status after an error.
func (s *Shell) status(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return StatusDone
	case errors.Is(err, context.Canceled):
		return StatusInterrupted
	case errors.As(err, &usage):
		return StatusWrongUse
	case errors.Is(err, client.ErrConnect):
		return StatusNoServer
	case errors.Is(err, client.ErrLost):
		return StatusLost
	default:
		return StatusFailed
	}
}

// say prints a line for people, unless they want none. It escapes names.
func (s *Shell) say(format string, values ...any) {
	if !s.Quiet && !s.JSON {
		s.screen.out(codec.Printable(fmt.Sprintf(format, values...)) + "\n")
	}
}

// remote is the name that a person's word means on the server.
func (s *Shell) remote(word string) string {
	switch {
	case s.folder == "" || strings.HasPrefix(word, "/"):
		return word
	case word == "" || word == ".":
		return s.folder
	case word == ".." || strings.HasPrefix(word, "../") || strings.HasPrefix(word, "./"):
		return path.Join("/", s.folder, word)
	}
	return s.folder + "/" + word
}
