package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ferry/client"
)

// verb is one of the shell's commands.
type verb struct {
	// words are its names, the one that help shows first.
	words []string
	// usage is its arguments, as help shows them.
	usage string
	says  string
	// more is what help VERB adds, and examples are lines that may be typed.
	more     string
	examples []string
	// least and most bound the words behind it; most is -1 for any number.
	least, most int
	options     []option
	// bare lets the whole rest of a line be one name when it is more words than most.
	bare bool
	// connected says that it needs a session.
	connected bool
	// base says that the classic exchange has none.
	base bool
	// takes says what each word behind it is, for completion; the last goes for all further.
	takes []kind
	run   func(s *Shell, ctx context.Context, c *command) error
}

// kind is what a word may be.
type kind uint8

const (
	nothing kind = iota
	remoteName
	remoteFolder
	localName
	localFolder
	verbName
	serverName
)

// option is a word with a dash that changes what a command does.
type option struct {
	// letter is 0 where there is only the name.
	letter byte
	name   string
	says   string
}

// short is the shortest way to type an option.
func (o *option) short() string {
	if o.letter != 0 {
		return "-" + string(o.letter)
	}
	return "--" + o.name
}

// command is a verb with what was typed behind it.
type command struct {
	verb  *verb
	words []string
	// bare is the words as one name, "" when a part was quoted.
	bare string
	has  map[string]bool
}

var (
	recursive = option{'r', "recursive", "a folder with all that is beneath it"}
	resume    = option{'c', "continue", "go on where an earlier transfer broke off"}
	all       = option{'a', "all", "names that begin with a dot too"}
)

// verbs is the table of commands, in the order that help shows.
func verbs() []verb {
	return slices.Concat(sessionVerbs(), fileVerbs(), batchVerbs(), remoteVerbs(), localVerbs())
}

func sessionVerbs() []verb {
	return []verb{
		{
			words: []string{"open"}, usage: "[HOST PORT]", most: 2,
			says: "connect to a server; alone, to the last one again",
			more: "Also HOST:PORT, PORT on this machine, ferry://HOST:PORT/FOLDER/, or a\n" +
				"bookmark. Under ferry --classic HOST alone means its port 20021.",
			examples: []string{"open example.org 2121", "open 2121"},
			takes:    []kind{serverName, nothing}, run: (*Shell).runOpen,
		},
		{
			words: []string{"close"}, says: "leave the server, to open another",
			connected: true, run: (*Shell).runClose,
		},
		{
			words: []string{"quit", "exit", "bye"},
			says:  "leave the program, as Ctrl-D does", run: (*Shell).runQuit,
		},
		{
			words: []string{"bookmark"}, usage: "[NAME]", most: 1,
			options: []option{{'d', "delete", "forget NAME"}},
			says:    "list the bookmarks, or keep this server and folder as NAME",
			more:    "open NAME and ferry NAME go there.", examples: []string{"bookmark lab"},
			takes: []kind{serverName}, run: (*Shell).runBookmark,
		},
		{
			words: []string{"help", "?"}, usage: "[COMMAND]", most: 1,
			says:  "show the commands, or more about one",
			takes: []kind{verbName}, run: (*Shell).runHelp,
		},
	}
}

func fileVerbs() []verb {
	return []verb{
		{
			words: []string{"get"}, usage: "REMOTE [LOCAL]", least: 1, most: 2, bare: true,
			options: []option{recursive, resume, all},
			says:    "fetch a file: a/b is saved as b, or as LOCAL",
			more: "The file appears whole or not at all. LOCAL may be a folder. get -r fetches\n" +
				"a folder to a folder of its name.\n" + spacesHelp,
			examples: []string{
				"get report.txt", `get "the report.txt" old.txt`, "get the last report.txt",
				"get -r music", "get -c big.iso",
			},
			takes: []kind{remoteName, localName}, connected: true, run: (*Shell).runGet,
		},
		{
			words: []string{"put"}, usage: "LOCAL [REMOTE]", least: 1, most: 2, bare: true,
			options: []option{recursive, resume, all},
			says:    "store a file: a/b is stored as b, or as REMOTE",
			more: "\"stored\" means that the server has the file. \"sent, not confirmed\" means\n" +
				"that it got every byte and said nothing. put -r stores a folder as a folder of\n" +
				"its name; names that begin with a dot and symbolic links stay behind.\n" +
				spacesHelp,
			examples: []string{
				"put report.txt", `put "my report.txt" report.txt`, "put -r photos",
				"put -c big.iso",
			},
			takes: []kind{localName, remoteName}, connected: true, base: true,
			run: (*Shell).runPut,
		},
		{
			words: []string{"ls", "dir"}, usage: "[PATH]", most: 1, bare: true,
			options:  []option{{'l', "long", "with sizes and times"}},
			says:     "list a folder; folders end with /",
			examples: []string{"ls", "ls -l music"},
			takes:    []kind{remoteFolder}, connected: true, base: true, run: (*Shell).runList,
		},
		{
			words: []string{"cd"}, usage: "[FOLDER]", most: 1, bare: true,
			says: "go to a remote folder, .. for the one above; alone, to the top",
			more: "Names start from there, in every command.", examples: []string{"cd music"},
			takes: []kind{remoteFolder}, connected: true, base: true, run: (*Shell).runCd,
		},
		{
			words: []string{"pwd"}, says: "show the remote folder, and at a terminal the server",
			connected: true, base: true, run: (*Shell).runPwd,
		},
	}
}

func batchVerbs() []verb {
	return []verb{
		{
			words: []string{"mget"}, usage: "PATTERN...", least: 1, most: -1,
			options: []option{resume},
			says:    "fetch all files that match",
			more: "* and ? stand for letters, [a-z] for one of them, {a,b} for either, ** for\n" +
				"any folders. What is found below the folder that a pattern begins with keeps\n" +
				"its folders here.",
			examples: []string{"mget *.txt", "mget music/*.ogg", "mget src/**/*.go"},
			takes:    []kind{remoteName}, connected: true, base: true, run: (*Shell).runMget,
		},
		{
			words: []string{"mput"}, usage: "PATTERN...", least: 1, most: -1,
			options:  []option{resume},
			says:     "store all files that match",
			more:     "Patterns are those of mget.",
			examples: []string{"mput *.txt", "mput {a,b}/*"},
			takes:    []kind{localName}, connected: true, base: true, run: (*Shell).runMput,
		},
		{
			words: []string{"mirror"}, usage: "[REMOTE [LOCAL]]", most: 2, bare: true,
			options: []option{
				{'R', "reverse", "the other way: mirror -R [LOCAL [REMOTE]]"},
				{'n', "dry-run", "say what would be done, and do nothing"},
				{0, "delete", "remove what the copy has and the other side does not"},
				all,
			},
			says: "make LOCAL like the folder REMOTE: fetch what differs",
			more: "What differs is told by size and time, where the server tells them;\n" +
				"otherwise every file is fetched. Names that begin with a dot are neither\n" +
				"sent nor removed; -a sends them too. Symbolic links are not followed.",
			examples: []string{
				"mirror music", "mirror --dry-run --delete music here", "mirror -R photos",
			},
			takes: []kind{remoteFolder, localFolder}, connected: true, base: true,
			run: (*Shell).runMirror,
		},
	}
}

const spacesHelp = `Names with spaces stand in double quotes, "" for a quote inside. Three words or
more without quotes are one name; two words are two names. A name that begins
with a dash stands in quotes too.`

// look finds a verb by a word.
func look(word string) *verb {
	table := verbs()
	for i := range table {
		if slices.Contains(table[i].words, word) {
			return &table[i]
		}
	}
	return nil
}

// find looks a command up and settles what follows it.
func (s *Shell) find(word string, follows *typed) (*command, error) {
	v := look(word)
	if v == nil {
		return nil, &usageError{fmt.Errorf("%s: unknown command; help lists the commands", word)}
	}
	c, err := v.settle(follows)
	if err != nil {
		return nil, &usageError{err}
	}
	if v.base && s.Options.Classic {
		return nil, &client.Error{Name: v.words[0], Kind: client.ErrUnsupported}
	}
	return c, nil
}

// settle takes the options off what follows a verb, and counts what is left.
func (v *verb) settle(follows *typed) (*command, error) {
	c := &command{verb: v, has: make(map[string]bool)}
	if v.most == 0 && v.words[0] == "!" {
		c.bare = follows.rest
		return c, nil
	}
	ended, from := false, -1
	for i, word := range follows.words {
		if !ended && !follows.quoted[i] && len(word) > 1 && word[0] == '-' {
			if ended = word == "--"; ended {
				continue
			}
			if err := v.set(word, c.has); err != nil {
				return nil, err
			}
			continue
		}
		if from < 0 {
			from = i
		}
		c.words = append(c.words, word)
	}
	// Behind the options the rest may be one bare name, if nothing in it was taken for one.
	whole := from >= 0 && from+len(c.words) == len(follows.words)
	if follows.bare && whole && from < len(follows.at) {
		c.bare = strings.TrimRight(follows.rest[follows.at[from]:], blanks)
	}
	if v.bare && v.most >= 0 && len(c.words) > v.most && c.bare != "" {
		c.words = []string{c.bare}
	}
	n := len(c.words)
	if n < v.least || v.most >= 0 && n > v.most || slices.Contains(c.words, "") {
		return nil, fmt.Errorf("use: %s", v.line())
	}
	return c, nil
}

// set notes an option, or several letters of one word.
func (v *verb) set(word string, has map[string]bool) error {
	bad := fmt.Errorf("%s has no option %s; a name that begins with - stands in quotes",
		v.words[0], word)
	if name, long := strings.CutPrefix(word, "--"); long {
		for _, o := range v.options {
			if o.name == name {
				has[name] = true
				return nil
			}
		}
		return bad
	}
	for _, letter := range []byte(word[1:]) {
		i := slices.IndexFunc(v.options, func(o option) bool { return o.letter == letter })
		if i < 0 {
			return bad
		}
		has[v.options[i].name] = true
	}
	return nil
}

// line is how the command is typed.
func (v *verb) line() string {
	text := v.words[0]
	for _, o := range v.options {
		text += " [" + o.short() + "]"
	}
	return strings.TrimSpace(text + " " + v.usage)
}

var errNoHelp = errors.New("no such command; help lists the commands")
