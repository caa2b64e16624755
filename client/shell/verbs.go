package shell

import (
	"context"
	"errors"
	"slices"
)

type verb struct {
	// words are its names; help shows the first.
	words []string
	// usage is its arguments in help.
	usage string
	says  string
	// more is further help; examples are lines to type.
	more     string
	examples []string
	// least and most bound the number of words; most is -1 for no bound.
	least, most int
	options     []option
	// connected means that it needs a session.
	connected bool
	// base means that the classic exchange has no such command.
	base bool
	// takes is what each word is, for completion; the last counts for all further ones.
	takes []kind
	run   func(ctx context.Context, s *Shell, c *command) error
}

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

var (
	recursive = option{letter: "r", name: "recursive", says: "a folder with everything in it"}
	resume    = option{
		letter: "c", name: "continue", says: "resume an interrupted transfer",
	}
	all       = option{letter: "a", name: "all", says: "include names that begin with a dot"}
	segmented = option{
		letter: "s", name: "segments", value: "N",
		says: "a large file in N pieces at once, each over its own session",
	}
)

// verbs is the table of commands, in the order of help.
func verbs() []verb {
	return slices.Concat(sessionVerbs(), fileVerbs(), batchVerbs(), remoteVerbs(), localVerbs())
}

func sessionVerbs() []verb {
	return []verb{
		{
			words: []string{"open"}, usage: "[HOST PORT]", most: 2,
			says: "connect to a server; alone, to the last one",
			more: "Also HOST:PORT, PORT on this machine, ferry://HOST:PORT/FOLDER/, or a\n" +
				"bookmark. USER@HOST logs in, ferrys:// encrypts. Under ferry --classic HOST\n" +
				"alone means its port 20021.",
			examples: []string{
				"open example.org 2121", "open 2121", "open ferrys://ann@example.org:2121/",
			},
			takes: []kind{serverName, nothing}, run: runOpen,
		},
		{
			words: []string{"close"}, says: "disconnect from the server",
			connected: true, run: runClose,
		},
		{
			words: []string{"quit", "exit", "bye"},
			says:  "leave the program; so does Ctrl-D", run: runQuit,
		},
		{
			words: []string{"bookmark"}, usage: "[NAME]", most: 1,
			options: []option{{letter: "d", name: "delete", says: "forget NAME"}},
			says:    "list bookmarks, or save this server and folder as NAME",
			more:    "open NAME and ferry NAME go there.", examples: []string{"bookmark lab"},
			takes: []kind{serverName}, run: runBookmark,
		},
		{
			words: []string{"help", "?"}, usage: "[COMMAND]", most: 1,
			says:  "show the commands, or more about one",
			takes: []kind{verbName}, run: runHelp,
		},
	}
}

func fileVerbs() []verb {
	return []verb{
		{
			words: []string{"get"}, usage: "REMOTE [LOCAL]", least: 1, most: 2,
			options: []option{recursive, resume, segmented, all},
			says:    "fetch a file: a/b is saved as b, or as LOCAL",
			more: "A file appears only once it is complete. LOCAL may be a folder. get -r\n" +
				"fetches a folder to a folder of its name. Segments are faster if one\n" +
				"connection is slower than the network; they cannot be resumed.\n" + spacesHelp,
			examples: []string{
				"get report.txt", `get "the report.txt" old.txt`, "get -r music", "get -c big.iso",
				"get -s 4 big.iso",
			},
			takes: []kind{remoteName, localName}, connected: true, run: runGet,
		},
		{
			words: []string{"put"}, usage: "LOCAL [REMOTE]", least: 1, most: 2,
			options: []option{recursive, resume, all},
			says:    "store a file: a/b is stored as b, or as REMOTE",
			more: "\"stored\" means that the server has the file. \"sent, not confirmed\" means\n" +
				"sent, but the server did not acknowledge it. If REMOTE is a folder, end it\n" +
				"with /. put -r stores a folder as a folder of its name, and leaves out\n" +
				"symbolic links and names that begin with a dot.\n" +
				spacesHelp,
			examples: []string{
				"put report.txt", `put "my report.txt" report.txt`, "put -r photos",
				"put -c big.iso",
			},
			takes: []kind{localName, remoteName}, connected: true, base: true,
			run: runPut,
		},
		{
			words: []string{"ls", "dir"}, usage: "[PATH]", most: 1,
			options:  []option{{letter: "l", name: "long", says: "with sizes and times"}},
			says:     "list a folder; folders end with /",
			examples: []string{"ls", "ls -l music"},
			takes:    []kind{remoteFolder}, connected: true, base: true, run: runList,
		},
		{
			words: []string{"cd"}, usage: "[FOLDER]", most: 1,
			says: "change the remote folder; .. is the parent",
			more: "Remote names are relative to it. cd without FOLDER goes to the top.",

			examples: []string{"cd music"},
			takes:    []kind{remoteFolder}, connected: true, base: true, run: runCd,
		},
		{
			words: []string{"pwd"}, says: "show the remote folder, and at a terminal the server",
			connected: true, base: true, run: runPwd,
		},
	}
}

func batchVerbs() []verb {
	return []verb{
		{
			words: []string{"mget"}, usage: "PATTERN...", least: 1, most: -1,
			options: []option{resume},
			says:    "fetch all files that match",
			more: "* matches any letters, ? one letter, [a-z] one of these, {a,b} either, **\n" +
				"any folders. Files keep their folders below the one that the pattern begins with.",
			examples: []string{"mget *.txt", "mget music/*.ogg", "mget src/**/*.go"},
			takes:    []kind{remoteName}, connected: true, base: true, run: runMget,
		},
		{
			words: []string{"mput"}, usage: "PATTERN...", least: 1, most: -1,
			options:  []option{resume},
			says:     "store all files that match",
			more:     "Patterns are those of mget.",
			examples: []string{"mput *.txt", "mput {a,b}/*"},
			takes:    []kind{localName}, connected: true, base: true, run: runMput,
		},
		{
			words: []string{"mirror"}, usage: "[REMOTE [LOCAL]]", most: 2,
			options: []option{
				{letter: "R", name: "reverse", says: "the other way: mirror -R [LOCAL [REMOTE]]"},
				{letter: "n", name: "dry-run", says: "say what would be done, and do nothing"},
				{name: "delete", says: "delete what only the copy has"},
				all,
			},
			says: "make LOCAL like the folder REMOTE: fetch what differs",
			more: "Files are compared by size and time if the server sends them; otherwise\n" +
				"every file is fetched. Names that begin with a dot are neither\n" +
				"sent nor deleted; -a sends them too. Symbolic links are not sent, and what\n" +
				"stands under their names on the other side is not deleted.",
			examples: []string{
				"mirror music", "mirror --dry-run --delete music here", "mirror -R photos",
			},
			takes: []kind{remoteFolder, localFolder}, connected: true, base: true,
			run: runMirror,
		},
	}
}

const spacesHelp = `Put names with spaces, or with a dash at the beginning, in double quotes, with
"" for a quote inside.`

var errNoHelp = errors.New("no such command; help lists the commands")
