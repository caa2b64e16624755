package shell

import (
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ferry/client"
	"ferry/codec"
)

// completeWait bounds how long Tab waits for the server.
const completeWait = 3 * time.Second

// complete returns what may stand at a position in a line: the text before the candidates, they,
// and the rest. pos counts runes.
func (s *Shell) complete(line string, pos int) (head string, candidates []string, tail string) {
	at := len(line)
	if runes := []rune(line); pos < len(runes) {
		at = len(string(runes[:pos]))
	}
	before, tail := line[:at], line[at:]
	start, word, isQuoted := lastWord(before)
	head = before[:start]
	first := strings.TrimLeft(strings.TrimLeft(head, blanks), "-")
	if first == "" {
		return head, spaced(prefixed(verbNames(), strings.ToLower(word))), tail
	}
	verbWord, follows, err := splitLine(first)
	v := findVerb(verbWord)
	if err != nil || v == nil {
		return head, nil, tail
	}
	if strings.HasPrefix(word, "-") && !isQuoted {
		for _, o := range v.options {
			candidates = append(candidates, "--"+o.name)
		}
		return head, spaced(prefixed(candidates, word)), tail
	}
	return head, spelled(completer{s}.candidates(v, &follows, word), isQuoted), tail
}

// lastWord is the word that a text ends in, and where it begins; it is empty after a blank.
func lastWord(text string) (start int, word string, isQuoted bool) {
	for at := 0; ; {
		at += len(text[at:]) - len(strings.TrimLeft(text[at:], blanks))
		if at == len(text) {
			return at, "", false
		}
		word, rest, quoted, err := nextWord(text[at:])
		if err != nil {
			// The quote is open: the word goes to the end.
			return at, strings.ReplaceAll(text[at+1:], `""`, `"`), true
		}
		if rest == "" {
			return at, word, quoted
		}
		at = len(text) - len(rest)
	}
}

func verbNames() (names []string) {
	for _, v := range verbs() {
		for _, w := range v.words {
			if len(w) > 1 {
				names = append(names, w)
			}
		}
	}
	slices.Sort(names)
	return names
}

type completer struct{ *Shell }

// candidates are the names that a verb's next word may become: full ones, folders with a slash.
func (s completer) candidates(v *verb, follows *typed, word string) []string {
	c, _ := v.parse(follows)
	takes := v.takes
	if c.has["reverse"] {
		takes = []kind{localFolder, remoteFolder}
	}
	if len(takes) == 0 {
		return nil
	}
	switch what := takes[min(len(c.words), len(takes)-1)]; what {
	case verbName:
		return prefixed(verbNames(), word)
	case serverName:
		return s.bookmarks(word)
	case remoteName, remoteFolder:
		folder := word[:strings.LastIndexByte(word, '/')+1]
		return matching(folder, word, what == remoteFolder, s.remoteNames(folder))
	case localName, localFolder:
		folder := word[:strings.LastIndexFunc(word, isSeparator)+1]
		return matching(folder, word, what == localFolder, s.localNames(folder, word == folder))
	default:
		return nil
	}
}

func (s completer) bookmarks(word string) []string {
	if s.Config == nil {
		return nil
	}
	return prefixed(slices.Sorted(maps.Keys(s.Config.Bookmarks)), word)
}

func prefixed(names []string, word string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, word) })
}

// matching are the names in a folder that a word may become, if a terminal shows them unchanged.
func matching(folder, word string, foldersOnly bool, names []string) (list []string) {
	for _, name := range names {
		whole := folder + name
		if strings.HasPrefix(whole, word) && utf8.ValidString(name) &&
			codec.Printable(name) == name && (!foldersOnly || strings.HasSuffix(name, "/")) {
			list = append(list, whole)
		}
	}
	return list
}

// remoteNames lists a remote folder for completion. Listings are cached until the next command.
func (s completer) remoteNames(folder string) []string {
	names, known := s.listings[folder]
	if known || s.main == nil || s.main.client == nil {
		return names
	}
	path := strings.TrimRight(folder, "/")
	if path == "" && folder != "" {
		path = "/"
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeWait)
	defer cancel()
	names, err := s.main.client.List(ctx, s.remote(path))
	if err != nil {
		return nil
	}
	if s.listings == nil {
		s.listings = make(map[string][]string)
	}
	s.listings[folder] = names
	return names
}

// localNames lists a local folder for completion, without hidden names if no letter is typed.
func (s completer) localNames(folder string, visible bool) (names []string) {
	from := s.local(cmp.Or(folder, "."))
	list, err := os.ReadDir(from)
	if err != nil {
		return nil
	}
	for _, e := range list {
		name := e.Name()
		if visible && strings.HasPrefix(name, ".") {
			continue
		}
		if isFolder(filepath.Join(from, name)) {
			name += "/"
		}
		names = append(names, name)
	}
	return names
}

func isSeparator(r rune) bool { return r < utf8.RuneSelf && os.IsPathSeparator(byte(r)) }

// spelled is how names are typed: in quotes where needed, and a single complete one with a space.
func spelled(names []string, isQuoted bool) []string {
	for i, name := range names {
		whole := !strings.HasSuffix(name, "/")
		text := quoted(name)
		if isQuoted && !strings.HasPrefix(text, `"`) {
			text = `"` + text + `"`
		}
		if !whole {
			// The name continues after the slash, and so does the quote.
			text = strings.TrimSuffix(text, `"`)
		}
		names[i] = text
	}
	return spaced(names)
}

// spaced appends a space to a single candidate that is complete.
func spaced(candidates []string) []string {
	if len(candidates) == 1 && !strings.HasSuffix(candidates[0], "/") {
		candidates[0] += " "
	}
	return candidates
}

// Candidates are what may follow words on the program's own command line, for a system's shell. It
// asks the server that they name.
func (s *Shell) Candidates(ctx context.Context, words []string, word string) []string {
	if len(words) == 0 {
		return completer{s}.bookmarks(word)
	}
	to, rest, err := s.parseTarget(words)
	if err != nil {
		return nil
	}
	if len(rest) == 0 {
		return prefixed(verbNames(), word)
	}
	v := findVerb(strings.ToLower(rest[0]))
	if v == nil {
		return nil
	}
	var follows typed
	for _, w := range rest[1:] {
		follows.add(w, false)
	}
	s.Options.DialTimeout, s.Options.ReplyTimeout = completeWait, completeWait
	l := &link{shell: s, server: to.server}
	if l.once(ctx, func(*client.Client) error { return nil }) == nil {
		s.main = l
		defer s.leave(ctx)
	}
	return completer{s}.candidates(v, &follows, word)
}
