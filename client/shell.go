package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The statuses that a shell ends with.
const (
	statusDone        = 0
	statusFailed      = 1
	statusWrongUse    = 2
	statusInterrupted = 130
)

// Shell is the line-mode program: it reads commands, runs them one after another, and says what
// came of each. It is owned by one goroutine.
type Shell struct {
	// Options are those of the sessions it opens.
	Options Options
	// Port is that of servers named by their host alone, ClassicPort as a rule in the classic
	// exchange; 0 means that a server needs a port.
	Port uint16
	// Dir is the local folder that relative local names start from, "" the current one.
	Dir string
	// In gives the lines of a session. Out gets what was asked for, Err a line for each error.
	In       io.Reader
	Out, Err io.Writer
	// Prompt asks for lines, as suits a person at a terminal.
	Prompt bool
	// Terminal says that Out is one: what it must not be given is escaped in listings. What
	// Err gets is escaped always.
	Terminal bool
	// Interruptible derives the context of one command, for a person to end; nil means that
	// the context given to Run serves.
	Interruptible func(context.Context) (context.Context, context.CancelFunc)

	client *Client
	// session says that lines are read, so that there is a prompt to open anew from.
	session bool
	// quit is set by the command that ends the session.
	quit bool
}

const (
	prompt = "ftp> "
	// lineMax is the longest line read in bytes: two names of the longest kind, and quotes.
	lineMax = 64 << 10
	// quitWait is how long a server is given to answer the last command: no file hangs on it.
	quitWait = 2 * time.Second
)

// Run does what the program's arguments say: nothing opens a session without a server, HOST PORT
// one with it, and a command behind them is run alone. It returns the program's status: 0, 1 after
// an error, 2 after wrong use, 130 when a command was interrupted.
func (s *Shell) Run(ctx context.Context, args []string) int {
	defer s.leave(ctx)
	if len(args) == 0 {
		return s.lines(ctx)
	}
	if strings.EqualFold(args[0], "help") {
		return s.one(ctx, "help", typed{words: args[1:]})
	}
	addr, rest, err := parseTarget(args, s.Port)
	if err != nil {
		s.complain(err)
		return statusWrongUse
	}
	if len(rest) == 0 {
		if err := s.command(ctx, func(ctx context.Context) error {
			return s.open(ctx, addr)
		}); err != nil {
			return s.status(err)
		}
		if s.Prompt {
			s.say("connected to %s; help lists the commands", s.client.Addr())
		}
		return s.lines(ctx)
	}
	word, follows := strings.ToLower(rest[0]), typed{words: rest[1:]}
	if _, err := s.find(word, &follows); err != nil {
		return s.unusable(err)
	}
	if err := s.command(ctx, func(ctx context.Context) error {
		return s.open(ctx, addr)
	}); err != nil {
		return s.status(err)
	}
	return s.one(ctx, word, follows)
}

// lines runs a line at a time until quit or the end of the input. A person saw each error; a
// script learns from the status that there was one.
func (s *Shell) lines(ctx context.Context) int {
	s.session = true
	status := statusDone
	scanner := bufio.NewScanner(s.In)
	scanner.Buffer(nil, lineMax)
	for !s.quit {
		if s.Prompt {
			_, _ = io.WriteString(s.Out, prompt)
		}
		if !scanner.Scan() {
			if s.Prompt {
				_, _ = io.WriteString(s.Out, "\n")
			}
			break
		}
		got := s.line(ctx, scanner.Text())
		if s.Prompt {
			continue
		}
		if got == statusInterrupted {
			return got
		}
		if got != statusDone {
			status = statusFailed
		}
	}
	if err := scanner.Err(); err != nil {
		s.complain(fmt.Errorf("reading commands: %w", err))
		status = statusFailed
	}
	return status
}

// line runs what was typed.
func (s *Shell) line(ctx context.Context, text string) int {
	word, follows, err := splitLine(text)
	if err != nil {
		s.complain(err)
		return statusFailed
	}
	if word == "" {
		return statusDone
	}
	return s.one(ctx, word, follows)
}

// one runs one command and says what failed.
func (s *Shell) one(ctx context.Context, word string, follows typed) int {
	verb, err := s.find(word, &follows)
	if err != nil {
		return s.unusable(err)
	}
	if verb.connected && s.client == nil {
		s.complain(errNotConnected)
		return statusFailed
	}
	return s.status(s.command(ctx, func(ctx context.Context) error {
		return verb.run(s, ctx, follows)
	}))
}

// unusable says why a command cannot be run: it was used wrongly, or the exchange has none.
func (s *Shell) unusable(err error) int {
	s.complain(err)
	if errors.Is(err, ErrUnsupported) {
		return statusFailed
	}
	return statusWrongUse
}

var errNotConnected = errors.New("not connected: open HOST PORT first")

// command runs f under a context that a person can end, and says what failed.
func (s *Shell) command(ctx context.Context, f func(context.Context) error) error {
	if s.Interruptible != nil {
		var stop context.CancelFunc
		ctx, stop = s.Interruptible(ctx)
		defer stop()
	}
	err := f(ctx)
	if s.client != nil && s.client.Err() != nil {
		err = s.lost(err)
	}
	if err != nil {
		s.complain(err)
	}
	return err
}

// lost makes the shell unconnected. Whatever failed, the end of the session is said with it.
func (s *Shell) lost(err error) error {
	over := s.client.Err()
	s.client = nil
	again := ""
	if s.session {
		again = "; open HOST PORT connects again"
	}
	if err == nil || errors.Is(err, ErrLost) {
		return fmt.Errorf("%w%s", over, again)
	}
	return fmt.Errorf("%w; %w%s", err, over, again)
}

func (s *Shell) status(err error) int {
	switch {
	case err == nil:
		return statusDone
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	default:
		return statusFailed
	}
}

// open makes a session and only then leaves the one that was.
func (s *Shell) open(ctx context.Context, addr string) error {
	c, err := Dial(ctx, addr, s.Options)
	if err != nil {
		return err
	}
	s.leave(ctx)
	s.client = c
	return nil
}

// leave ends the session, if there is one. What goes wrong then concerns nobody any more.
func (s *Shell) leave(ctx context.Context) {
	if s.client == nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, quitWait)
	defer stop()
	_ = s.client.Quit(ctx)
	_ = s.client.Close()
	s.client = nil
}

// say prints a line for people; names in it may come from the server.
func (s *Shell) say(format string, values ...any) {
	_, _ = fmt.Fprintln(s.Out, printable(fmt.Sprintf(format, values...)))
}

// complain prints an error's one line.
func (s *Shell) complain(err error) { _, _ = fmt.Fprintln(s.Err, printable(err.Error())) }

var errTarget = errors.New("a server is HOST PORT, HOST:PORT, or PORT on this machine; " +
	"ferry --help says more")

// parseTarget takes a server's address off the front of words: HOST:PORT, HOST PORT or PORT, or
// HOST where there is a standard port, which is not 0.
func parseTarget(words []string, standard uint16) (addr string, rest []string, err error) {
	if len(words) == 0 {
		return "", nil, errTarget
	}
	first := words[0]
	if _, err := addressPort(first); err == nil {
		return first, words[1:], nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(first, "["), "]")
	if len(words) > 1 && IsPort(words[1]) {
		return net.JoinHostPort(host, words[1]), words[2:], nil
	}
	if IsPort(first) {
		return net.JoinHostPort("localhost", first), words[1:], nil
	}
	// A colon stands in a number of IPv6, or before what is no port.
	_, notNumber := netip.ParseAddr(host)
	if standard != 0 && host != "" && (notNumber == nil || !strings.Contains(host, ":")) {
		return net.JoinHostPort(host, strconv.Itoa(int(standard))), words[1:], nil
	}
	return "", nil, errTarget
}

// IsPort says whether a word is a port's number, as the program's command line needs to know.
func IsPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}
