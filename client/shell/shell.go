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
)

// The statuses that a shell ends with.
const (
	StatusDone        = 0
	StatusFailed      = 1 // a command failed
	StatusWrongUse    = 2 // a command or a flag that there is not, or that was used wrongly
	StatusNoServer    = 3 // nobody answered
	StatusLost        = 4 // the connection was lost
	StatusInterrupted = 130
)

// Shell is the line-mode program. It is owned by one goroutine; those that a batch starts report
// through its locked parts.
type Shell struct {
	// Options are those of the sessions it opens.
	Options client.Options
	// Port is that of servers named by their host alone, client.ClassicPort as a rule in the
	// classic exchange; 0 means that a server needs a port.
	Port uint16
	// Dir is the local folder that relative local names start from, "" the current one.
	Dir string
	// In gives the lines of a session. Out gets what was asked for, Err a line for each error.
	In       io.Reader
	Out, Err io.Writer
	// Prompt asks for lines, as suits a person at a terminal, who also sees an error and goes
	// on after it.
	Prompt bool
	// Editor reads a person's lines; nil means that they come from In as they are.
	Editor LineEditor
	// Terminal says that Out is one: what it must not be given is escaped in listings. What
	// Err gets is escaped always.
	Terminal bool
	// Colour allows colours on Out, which must be a terminal then.
	Colour bool
	// Columns is the width of the terminal that shows progress on Err, asked each time; nil
	// means that there is none, and no bar.
	Columns func() int
	// Interruptible derives the context of one command, for a person to end; nil means that
	// the context given to Run serves.
	Interruptible func(context.Context) (context.Context, context.CancelFunc)

	// Commands are run instead of the lines of In, and then the lines of Scripts, which are
	// files, "-" meaning In.
	Commands, Scripts []string
	// Trace prints each command to Err before it runs.
	Trace bool
	// Quiet leaves out what went well; JSON says it in objects, one a line.
	Quiet, JSON bool
	// Retries is how often more a connection or a transfer is tried that broke.
	Retries int
	// Parallel is how many sessions a batch moves files over at once; 0 means 1.
	Parallel int
	// Segments is in how many pieces get fetches a file at once where it is large and the server
	// can do that, over a session each; 0 means 1.
	Segments int
	// Config holds bookmarks; nil means none.
	Config *Config

	screen screen
	// main is the session of the prompt, nil before the first open.
	main *link
	// single says that the command that runs is the only one.
	single bool
	// last is the server that was open last, and its folder.
	last target
	// folder is the remote folder that names start from, "" the served root.
	folder string
	// session says that lines are read, so that there is a prompt to open anew from.
	session bool
	// quit is set by the command that ends the session.
	quit bool
	// listings is what completion knows of remote folders until the next command.
	listings map[string][]string
	// failure is the last one that the running command told as an object.
	failure error
	report  sync.Mutex
	// idleMin is the constant, but for tests.
	idleMin time.Duration
}

const (
	prompt = "ftp> "
	// quitWait is how long a server is given to answer the last command: no file hangs on it.
	quitWait = 2 * time.Second
)

// Run does what the program's arguments say: nothing opens a session without a server, HOST PORT
// one with it, and a command behind them is run alone. It returns the program's status.
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
	var only *command
	if err == nil {
		only, err = s.only(to, rest)
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
		if to.file != "" {
			rest = append([]string{"get", to.file}, rest...)
		}
		s.trace(joined(rest))
		return s.one(ctx, only)
	}
	if s.Prompt && !scripted {
		s.say("connected to %s; help lists the commands", s.main.client.Addr())
	}
	return s.source(ctx)
}

var errTwice = &usageError{errors.New("give a command behind the server, or -e and -f, not both")}

// only is the one command that a command line gives, nil when it gives none: what stands behind the
// server, or the file of a URL.
func (s *Shell) only(to target, rest []string) (*command, error) {
	if to.file == "" && len(rest) == 0 {
		return nil, nil
	}
	word, follows := "get", typed{}
	if to.file != "" {
		follows.add(to.file, true)
	} else {
		word, rest = strings.ToLower(rest[0]), rest[1:]
	}
	for _, w := range rest {
		follows.add(w, false)
	}
	if shellLine, ok := strings.CutPrefix(word, "!"); ok {
		follows.rest = strings.TrimSpace(shellLine + " " + strings.Join(follows.words, " "))
		word = "!"
	}
	return s.find(word, &follows)
}

// source runs the commands that there are, in their order.
func (s *Shell) source(ctx context.Context) int {
	s.session = true
	if len(s.Commands)+len(s.Scripts) == 0 {
		return s.lines(ctx, s.input(), s.Prompt)
	}
	for _, text := range s.Commands {
		next := lineList(splitCommands(text))
		if status := s.lines(ctx, next, false); status != StatusDone || s.quit {
			return status
		}
	}
	for _, path := range s.Scripts {
		status := s.script(ctx, path)
		if status != StatusDone || s.quit {
			return status
		}
	}
	return StatusDone
}

// lines runs a line at a time until quit or the end of the input. A person sees each error and goes
// on; others stop at the first, unless its line begins with "-".
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
		if person || status == StatusDone || ignored && status != StatusInterrupted {
			continue
		}
		return status
	}
	if ctx.Err() != nil {
		return StatusInterrupted
	}
	return StatusDone
}

// line runs what was typed. Lines that begin with # say something to who reads them.
func (s *Shell) line(ctx context.Context, text string) int {
	s.listings = nil
	if strings.HasPrefix(strings.TrimLeft(text, blanks), "#") {
		return StatusDone
	}
	if strings.Trim(text, blanks) != "" {
		s.trace(strings.Trim(text, blanks))
	}
	word, follows, err := splitLine(text)
	if err != nil {
		return s.refuse(word, &usageError{err})
	}
	if word == "" {
		return StatusDone
	}
	c, err := s.find(word, &follows)
	if err != nil {
		return s.refuse(word, err)
	}
	return s.one(ctx, c)
}

// trace prints a command before it runs.
func (s *Shell) trace(text string) {
	if s.Trace {
		s.screen.err(client.Printable("+ "+text) + "\n")
	}
}

var errNotConnected = errors.New("not connected: open HOST PORT first")

// one runs one command and says what failed.
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

// command runs f under a context that a person can end, and says what failed: as an object, of what
// r has already, only where nothing below has told it.
func (s *Shell) command(ctx context.Context, r result, f func(context.Context) error) error {
	s.failure = nil
	if s.Interruptible != nil {
		var stop context.CancelFunc
		ctx, stop = s.Interruptible(ctx)
		defer stop()
	}
	err := f(ctx)
	s.screen.clear()
	// A session that ends behind the only command took nothing from anybody.
	if s.main != nil && s.main.over() && (err != nil || !s.single) {
		err = s.lost(err)
	}
	if err != nil {
		err = s.main.hinted(err)
		s.tellFailure(r, err)
		s.complain(err)
	}
	return err
}

// status is what the program ends with after an error.
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

// say prints a line for people, unless they want none; names in it may come from the server.
func (s *Shell) say(format string, values ...any) {
	if s.Quiet || s.JSON {
		return
	}
	s.screen.out(client.Printable(fmt.Sprintf(format, values...)) + "\n")
}

// remote is the name that a person's word means on the server. Without a folder it goes as it is.
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
