package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// verb is one of the shell's commands.
type verb struct {
	// words are its names, the one that help shows first.
	words []string
	// usage is its arguments, as help shows them.
	usage string
	says  string
	// more is what help VERB adds.
	more string
	// least and most bound the words behind it.
	least, most int
	// bare lets the whole rest of a line be one name when it is more words than most.
	bare bool
	// connected says that it needs a session.
	connected bool
	// base says that the classic exchange has none.
	base bool
	run  func(s *Shell, ctx context.Context, follows typed) error
}

// verbs is the table of commands, in the order that help shows.
func verbs() []verb {
	return []verb{
		{
			words: []string{"open"}, usage: "HOST PORT", least: 1, most: 2,
			says: "connect to a server; also HOST:PORT, or PORT on this machine",
			more: "Under ferry --classic HOST alone means its port 20021.",
			run:  (*Shell).runOpen,
		},
		{
			words: []string{"get"}, usage: "NAME [LOCAL]", least: 1, most: 2, bare: true,
			says: "fetch a file: a/b is saved as b, or as LOCAL",
			more: "The file appears whole or not at all. LOCAL may be a folder.\n" + spacesHelp +
				"\n  get report.txt\n  get \"the report.txt\" old.txt\n  get the last report.txt",
			connected: true, run: (*Shell).runGet,
		},
		{
			words: []string{"put"}, usage: "LOCAL [REMOTE]", least: 1, most: 2, bare: true,
			says: "store a file: a/b is stored as b, or as REMOTE",
			more: "\"stored\" means that the server has the file. \"sent, not confirmed\" means\n" +
				"that it got every byte and said nothing.\n" + spacesHelp +
				"\n  put report.txt\n  put \"my report.txt\" report.txt",
			connected: true, base: true, run: (*Shell).runPut,
		},
		{
			words: []string{"ls"}, usage: "[PATH]", most: 1, bare: true,
			says:      "list a folder; folders end with /",
			connected: true, base: true, run: (*Shell).runList,
		},
		{
			words: []string{"close"}, says: "leave the server, to open another",
			connected: true, run: (*Shell).runClose,
		},
		{
			words: []string{"quit", "exit", "bye"}, says: "leave the server and the program",
			run: (*Shell).runQuit,
		},
		{
			words: []string{"help", "?"}, usage: "[COMMAND]", most: 1,
			says: "show the commands, or more about one", run: (*Shell).runHelp,
		},
	}
}

const spacesHelp = `Names with spaces stand in double quotes, "" for a quote inside. Three words or
more without quotes are one name; two words are two names.`

// find looks a command up and settles what follows it.
func find(word string, follows *typed) (*verb, error) {
	all := verbs()
	i := slices.IndexFunc(all, func(v verb) bool { return slices.Contains(v.words, word) })
	if i < 0 {
		return nil, fmt.Errorf("%s: unknown command; help lists the commands", word)
	}
	v := &all[i]
	if len(follows.words) > v.most && v.bare && follows.rest != "" {
		follows.words = []string{follows.rest}
	}
	n := len(follows.words)
	if n < v.least || n > v.most || slices.Contains(follows.words, "") {
		return nil, fmt.Errorf("use: %s", v.line())
	}
	return v, nil
}

// find looks up a command that this shell's exchange has.
func (s *Shell) find(word string, follows *typed) (*verb, error) {
	v, err := find(word, follows)
	if err == nil && v.base && s.Options.Classic {
		return nil, failure(v.words[0], ErrUnsupported, nil)
	}
	return v, err
}

// line is how the command is typed.
func (v *verb) line() string { return strings.TrimSpace(v.words[0] + " " + v.usage) }

func (s *Shell) runOpen(ctx context.Context, follows typed) error {
	addr, rest, err := parseTarget(follows.words, s.Port)
	if err != nil || len(rest) > 0 {
		return errTarget
	}
	if err := s.open(ctx, addr); err != nil {
		return err
	}
	s.say("connected to %s", s.client.Addr())
	return nil
}

func (s *Shell) runGet(ctx context.Context, follows typed) error {
	name := follows.words[0]
	local, err := s.localTarget(name, follows.words[1:])
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := s.client.GetFile(ctx, name, local)
	if err != nil {
		return err
	}
	as := ""
	if len(follows.words) > 1 {
		as = " as " + follows.words[1]
	}
	if n == 0 && !s.Options.Classic {
		// PROTOCOL, Base exchange: "A missing file, an unreadable one, or one too large for a
		// field is answered by field(0)". The listing has ruled out the first.
		s.say("got %s%s: 0 bytes: empty, unreadable or too large (this server cannot say)",
			name, as)
		return nil
	}
	s.say("got %s%s: %s %s", name, as, bytesText(n), paceText(n, time.Since(start)))
	return nil
}

// localTarget is where a file that is got goes: its base name in the local folder, or what the
// person named, which may be a folder.
func (s *Shell) localTarget(name string, named []string) (string, error) {
	if len(named) == 0 {
		base, err := LocalName(name)
		return filepath.Join(s.Dir, base), err
	}
	local := s.local(named[0])
	info, err := os.Stat(local)
	isFolder := err == nil && info.IsDir()
	if !isFolder && !os.IsPathSeparator(named[0][len(named[0])-1]) {
		return local, nil
	}
	base, err := LocalName(name)
	return filepath.Join(local, base), err
}

// local is the path that a person's word means.
func (s *Shell) local(word string) string {
	if filepath.IsAbs(word) {
		return word
	}
	return filepath.Join(s.Dir, word)
}

func (s *Shell) runPut(ctx context.Context, follows typed) error {
	words := follows.words
	if len(words) == 2 && follows.rest != "" && !s.isThere(words[0]) && s.isThere(follows.rest) {
		// The two words are one name: such a file is there, and the other is not.
		words = []string{follows.rest}
	}
	path := s.local(words[0])
	// A FIFO would be waited for if it were opened first.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return failure(words[0], ErrLocal, err)
	}
	remote := filepath.Base(path)
	if len(words) > 1 {
		if remote = words[1]; strings.HasSuffix(remote, "/") {
			remote += filepath.Base(path)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return failure(words[0], ErrLocal, err)
	}
	defer func() { _ = file.Close() }()
	if info, err = file.Stat(); err != nil {
		return failure(words[0], ErrLocal, err)
	}
	return s.put(ctx, remote, file, info)
}

func (s *Shell) put(ctx context.Context, remote string, file *os.File, info fs.FileInfo) error {
	start := time.Now()
	stored, err := s.client.Put(ctx, remote, file, info.Size())
	switch {
	case err != nil:
		return err
	case stored == Confirmed:
		pace := paceText(info.Size(), time.Since(start))
		s.say("stored %s: %s %s", remote, bytesText(info.Size()), pace)
	default:
		s.say("sent %s: %s, not confirmed", remote, bytesText(info.Size()))
	}
	return nil
}

func (s *Shell) isThere(word string) bool {
	_, err := os.Stat(s.local(word))
	return err == nil
}

func (s *Shell) runList(ctx context.Context, follows typed) error {
	path := ""
	if len(follows.words) > 0 {
		path = follows.words[0]
	}
	listed, err := s.client.List(ctx, path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.Out)
	for _, name := range listed {
		if s.Terminal {
			name = printable(name)
		}
		_, _ = out.WriteString(name)
		_ = out.WriteByte('\n')
	}
	if err := out.Flush(); err != nil {
		return failure("listing", ErrLocal, err)
	}
	return nil
}

func (s *Shell) runClose(ctx context.Context, _ typed) error {
	s.leave(ctx)
	return nil
}

func (s *Shell) runQuit(ctx context.Context, _ typed) error {
	s.leave(ctx)
	s.quit = true
	return nil
}

var errNoHelp = errors.New("no such command; help lists the commands")

func (s *Shell) runHelp(_ context.Context, follows typed) error {
	var b strings.Builder
	for _, v := range verbs() {
		if len(follows.words) > 0 && !slices.Contains(v.words, strings.ToLower(follows.words[0])) {
			continue
		}
		also := ""
		if len(v.words) > 1 {
			also = " (also: " + strings.Join(v.words[1:], ", ") + ")"
		}
		if v.base && s.Options.Classic {
			also += " (" + ErrUnsupported.Error() + ")"
		}
		fmt.Fprintf(&b, "%-20s %s%s\n", v.line(), v.says, also)
		if len(follows.words) > 0 && v.more != "" {
			b.WriteString(v.more + "\n")
		}
	}
	if b.Len() == 0 {
		return fmt.Errorf("%s: %w", follows.words[0], errNoHelp)
	}
	_, _ = s.Out.Write([]byte(b.String()))
	return nil
}
