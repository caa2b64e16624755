package ftp

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestVerbsGoBothWays(t *testing.T) {
	for v := VerbUnknown + 1; v < verbCount; v++ {
		p := v.Properties()
		if p.Word == "" || p.Word != v.String() || len(p.Word) > verbLongest {
			t.Errorf("verb %d has the word %q", v, p.Word)
		}
		for _, word := range []string{p.Word, strings.ToLower(p.Word)} {
			if c, _ := Parse([]byte(word + " x")); c.Verb != v {
				t.Errorf("%q became %v", word, c.Verb)
			}
		}
		takes := p.Argument != ArgumentNone
		if takes == (p.Usage == "") && !p.Missing {
			t.Errorf("%v: usage %q", v, p.Usage)
		}
		if p.Work == WorkNone && p.Right != RightNone {
			t.Errorf("%v needs a right for no work", v)
		}
	}
	if p := verbCount.Properties(); p != (Properties{}) {
		t.Error(p)
	}
}

// The verbs of each kind, in full: a wrong line in the table is a hole.
func TestTableOfVerbs(t *testing.T) {
	for name, kind := range map[string]struct {
		want string
		is   func(Properties) bool
	}{
		"before login": {
			"USER PASS QUIT NOOP SYST FEAT OPTS HELP CLNT AUTH PBSZ PROT CCC ADAT MIC CONF ENC " +
				"SMNT LANG HOST LPRT LPSV",
			func(p Properties) bool { return p.BeforeLogin },
		},
		"missing": {
			"CCC ADAT MIC CONF ENC SMNT LANG HOST LPRT LPSV",
			func(p Properties) bool { return p.Missing },
		},
		"immediate": {"QUIT NOOP STAT ABOR", func(p Properties) bool { return p.Immediate }},
		"TLS":       {"AUTH PBSZ PROT", func(p Properties) bool { return p.TLS }},
		"offer": {
			"PASV EPSV PORT EPRT", func(p Properties) bool { return p.Work == WorkOffer },
		},
		"send":    {"LIST NLST MLSD RETR", func(p Properties) bool { return p.Work == WorkSend }},
		"receive": {"STOR APPE STOU", func(p Properties) bool { return p.Work == WorkReceive }},
		"file": {
			"STAT ALLO CWD CDUP MLST SIZE MDTM MFMT DELE MKD RMD RNFR RNTO SITE HASH XSHA256",
			func(p Properties) bool { return p.Work == WorkFile },
		},
		"list": {
			"STAT CWD CDUP LIST NLST MLSD MLST SIZE MDTM",
			func(p Properties) bool { return p.Right == RightList },
		},
		"read":   {"RETR HASH XSHA256", func(p Properties) bool { return p.Right == RightRead }},
		"write":  {"MFMT STOR APPE STOU", func(p Properties) bool { return p.Right == RightWrite }},
		"delete": {"DELE RMD", func(p Properties) bool { return p.Right == RightDelete }},
		"rename": {"RNFR RNTO", func(p Properties) bool { return p.Right == RightRename }},
		"mkdir":  {"MKD", func(p Properties) bool { return p.Right == RightMkdir }},
	} {
		var got []string
		for v := VerbUnknown + 1; v < verbCount; v++ {
			if kind.is(v.Properties()) {
				got = append(got, v.String())
			}
		}
		if strings.Join(got, " ") != kind.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCommandsAreSplit(t *testing.T) {
	for line, want := range map[string]struct {
		verb     Verb
		argument string
		reply    Reply
	}{
		"NOOP":             {VerbNoop, "", 0},
		"noop ":            {VerbNoop, "", 0},
		"NOOP x":           {VerbNoop, "x", ReplyArgument},
		"QUIT  ":           {VerbQuit, "", 0},
		"TYPE I ":          {VerbType, "I", 0},
		"TYPE":             {VerbType, "", ReplyArgument},
		"TYPE  ":           {VerbType, "", ReplyArgument},
		"user a b ":        {VerbUser, "a b", 0},
		"USER":             {VerbUser, "", ReplyArgument},
		"PASS":             {VerbPass, "", 0},
		"PASS  x ":         {VerbPass, " x ", 0},
		"RETR  a b ":       {VerbRetr, " a b ", 0},
		"RETR  ":           {VerbRetr, " ", 0},
		"RETR ":            {VerbRetr, "", ReplyArgument},
		"MKD":              {VerbMkd, "", ReplyArgument},
		"LIST":             {VerbList, "", 0},
		"LIST ":            {VerbList, "", 0},
		"XPWD":             {VerbPwd, "", 0},
		"xmkd a":           {VerbMkd, "a", 0},
		"XCWD a":           {VerbCwd, "a", 0},
		"XCUP":             {VerbCdup, "", 0},
		"XRMD a":           {VerbRmd, "a", 0},
		"XSHA256 a":        {VerbXSHA256, "a", 0},
		"\xf2ABOR":         {VerbAbor, "", 0},
		"\xff\xf4\xffABOR": {VerbAbor, "", 0},
		"SMNT x":           {VerbSmnt, "x", ReplyMissing},
		"LANG":             {VerbLang, "", ReplyMissing},
		"AUTH TLS":         {VerbAuth, "TLS", 0},
		"":                 {VerbUnknown, "", ReplyUnknown},
		" NOOP":            {VerbUnknown, "", ReplyUnknown},
		"NOO":              {VerbUnknown, "", ReplyUnknown},
		"NOOPS":            {VerbUnknown, "", ReplyUnknown},
		"PRET LIST":        {VerbUnknown, "", ReplyUnknown},
		"XSHA2560":         {VerbUnknown, "", ReplyUnknown},
		"NOOP\x00":         {VerbUnknown, "", ReplyUnknown},
		"N\xc3\x96OP":      {VerbUnknown, "", ReplyUnknown},
		"ST\xc3\xa5T":      {VerbUnknown, "", ReplyUnknown},
		"GET / HTTP/1.1":   {VerbUnknown, "", ReplyUnknown},
		"RETR\xc2\xa0a":    {VerbUnknown, "", ReplyUnknown},
		"@":                {VerbUnknown, "", ReplyUnknown},
		"\xff\xff\xff\x0f": {VerbUnknown, "", ReplyUnknown},
	} {
		c, r := Parse([]byte(line))
		if c.Verb != want.verb || string(c.Argument) != want.argument || r != want.reply {
			t.Errorf("%q became %v %q, %d", line, c.Verb, c.Argument, r.Code())
		}
	}
}

// What 31 clients were seen to send. Each line must be a command with an argument as it should be.
func TestLinesOfRealClients(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(clientLines), "\n") {
		c, r := Parse([]byte(strings.TrimSuffix(line, "~")))
		if r != 0 {
			t.Errorf("%q: %d", line, r.Code())
			continue
		}
		var bad Reply
		switch c.Verb {
		case VerbType:
			_, bad = ParseType(c.Argument)
		case VerbMode:
			bad = ParseMode(c.Argument)
		case VerbStru:
			bad = ParseStru(c.Argument)
		case VerbOpts:
			_, _, bad = ParseOpts(c.Argument)
		case VerbSite:
			_, bad = ParseSite(c.Argument)
		case VerbMfmt:
			_, bad = ParseMfmt(c.Argument)
		case VerbRest:
			_, bad = ParseRest(c.Argument)
		case VerbEpsv:
			_, bad = ParseEpsv(c.Argument)
		case VerbPort:
			_, bad = ParsePort(c.Argument)
		case VerbEprt:
			_, bad = ParseEprt(c.Argument)
		case VerbList, VerbNlst:
			l := ParseList(c.Argument)
			if last := l.Tries()[len(l.Tries())-1]; bytes.HasPrefix(last.Name, []byte("-")) {
				t.Errorf("%q: flags were taken for the name %q", line, last.Name)
			}
		default:
		}
		if bad != 0 {
			t.Errorf("%q: %d", line, bad.Code())
		}
	}
}

// A tilde marks a space at the end of a line.
const clientLines = `
FEAT
SYST
AUTH TLS
AUTH SSL
USER anonymous
PASS lftp@
CLNT NcFTPGet 3.2.6 linux-x86_64-glibc2.33
OPTS UTF8 ON
OPTS MLST type;
OPTS MLST type;size;modify;unique;unix.mode;
OPTS MLST type;perm;size;modify;unix.mode;unix.owner;unix.uid;unix.group;unix.gid;
OPTS MLST type;size;modify;UNIX.mode;UNIX.uid;UNIX.gid;
HELP SITE
HELP MLST
TYPE A
TYPE I
MODE S
STRU F
PWD
CWD /
CWD .
CWD a b
CDUP
EPSV
EPSV ALL
PASV
PORT 127,0,0,1,200,10
EPRT |1|127.0.0.1|51210|
EPRT |2|::1|51210|
LIST
LIST -a
LIST -al dir
LIST -a dir
LIST *.bin
NLST
NLST -a
NLST -CF
NLST *.txt
MLSD
MLSD .
MLSD ~
MLST a.bin
SIZE with space é
MDTM a.bin
MDTM 20261127090137 a.bin
MFMT 20261127090137 a.bin
REST 0
REST 1048576
RETR file 000-é.dat
STOR x with space žluť
APPE up.bin
STOU u.bin
RNFR a
RNTO b
DELE b
MKD dir 1
RMD dir 1
SITE CHMOD 644 ./file 000-é.dat
SITE CHMOD 755 ./dir 1
SITE UTIME 20261127090137 with space
SITE UTIME up.bin 20261127090137 20261127090137 20261127090137 UTC
SITE UTIME file 000-é.dat 20261127090137 20261127090137 20261127090137 UTC
STAT
NOOP
ABOR
QUIT
`

// FuzzParse holds a line against the grammar: letters, one space, the rest.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"RETR  a ", "type i ", "NOOP", "xpwd", "\xf2abor", "LANG x", ""} {
		f.Add([]byte(line))
	}
	shape := regexp.MustCompile(`\A[\xf0-\xff]*([A-Za-z0-9]+)(?: ((?s).*))?\z`)
	f.Fuzz(func(t *testing.T, line []byte) {
		c, r := Parse(line)
		if r == ReplyUnknown {
			if c.Verb != VerbUnknown {
				t.Fatalf("%q: %v", line, c.Verb)
			}
			return
		}
		// The expression works on runes: one for each byte.
		latin := make([]rune, len(line))
		for i, b := range line {
			latin[i] = rune(b)
		}
		found := shape.FindStringSubmatch(string(latin))
		if found == nil {
			t.Fatalf("%q became %v", line, c.Verb)
		}
		word := strings.ToUpper(found[1])
		if v, ok := aliases[word]; ok {
			word = v.String()
		}
		rest := make([]byte, 0, len(line))
		for _, b := range found[2] {
			rest = append(rest, byte(b))
		}
		p := c.Verb.Properties()
		if p.Argument < NameOptional {
			rest = bytes.TrimRight(rest, " ")
		}
		if word != p.Word || !bytes.Equal(rest, c.Argument) {
			t.Fatalf("%q became %v %q", line, c.Verb, c.Argument)
		}
		required := p.Argument == ArgumentRequired || p.Argument == NameRequired
		wrong := len(rest) == 0 && required || len(rest) > 0 && p.Argument == ArgumentNone
		if (r == ReplyArgument) != (wrong && !p.Missing) || (r == ReplyMissing) != p.Missing {
			t.Fatalf("%q: reply %d", line, r.Code())
		}
	})
}

func TestParseAllocatesNothing(t *testing.T) {
	line := []byte("xmkd name")
	if n := testing.AllocsPerRun(100, func() {
		if c, r := Parse(line); c.Verb != VerbMkd || r != 0 {
			t.Fatal(c, r)
		}
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
