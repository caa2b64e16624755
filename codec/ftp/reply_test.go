package ftp

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// TestRepliesArePinned holds codes and texts: scripts of users match them.
func TestRepliesArePinned(t *testing.T) {
	var got []byte
	for r := Reply(1); r < replyCount; r++ {
		got = r.Append(got)
		if r.Code() < 100 || r.Code() > 599 {
			t.Errorf("reply %d has the code %d", r, r.Code())
		}
	}
	if want := strings.ReplaceAll(pinned, "\n", "\r\n"); string(got) != want {
		t.Errorf("got:\n%s", got)
	}
	if Reply(0).Code() != 0 || replyCount.Code() != 0 {
		t.Error("no reply has a code")
	}
}

const pinned = `150 Opening data connection.
200 OK.
200 Names are always UTF-8.
202 Not needed here.
215 UNIX Type: L8
220 Service ready.
221 Goodbye.
226 Transfer complete.
226 ABOR complete.
230 Logged in.
250 Done.
331 Send the password.
331 Send your e-mail address as the password.
350 Send RNTO with the new name.
421 Too many connections; try again later.
421 Idle for too long; closing the session.
421 The server is shutting down.
421 Command line too long or too many commands; closing.
425 No data connection was made.
425 Send PASV or EPSV first.
425 No data port is free; try again.
426 Data connection lost.
426 Transfer aborted.
450 File is busy.
451 Local error.
451 Listing is too long.
452 No space left.
500 Unknown command.
501 Invalid or missing argument.
501 Control characters are not allowed.
501 Invalid offset.
502 Command not implemented.
503 Send USER first.
503 Send RNFR first.
504 Not implemented for that parameter.
522 Network protocol not supported, use (1,2)
522 Network protocol not supported, use (1)
503 Only EPSV is allowed after EPSV ALL.
530 Log in first.
530 Login incorrect.
550 Permission denied.
550 No such file or directory.
550 Not a plain file.
550 Not a directory.
550 Directory not empty.
550 File exists.
550 SIZE is not available in type A.
552 File too large.
553 Name not allowed.
554 Offset is beyond the end of the file.
234 Starting TLS.
200 PBSZ=0
503 Send AUTH TLS first.
503 The session is encrypted already.
530 TLS is required: send AUTH TLS first.
522 TLS is required: send PBSZ 0 and PROT P first.
534 TLS is required: data connections cannot be in clear.
536 Only levels C and P are supported.
`

func TestRepliesOnTheWire(t *testing.T) {
	v4 := netip.MustParseAddrPort("127.0.0.1:51210")
	mapped := netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), 21)
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{AppendReply(nil, 213, "a\nb\x00c\xff"), "213 a?b?c\xff\xff"},
		{ReplyNotFound.AppendNamed(nil, "a\"\n"), "550 a\"?: No such file or directory."},
		{AppendPath(nil, "/a\"b\xff\r ", "is here"), "257 \"/a\"\"b\xff\xff? \" is here"},
		{AppendPath(nil, "/", "is here"), "257 \"/\" is here"},
		{AppendPASV(nil, v4), "227 Entering Passive Mode (127,0,0,1,200,10)."},
		{AppendPASV(nil, mapped), "227 Entering Passive Mode (127,0,0,1,0,21)."},
		{AppendEPSV(nil, 51210), "229 Entering Extended Passive Mode (|||51210|)"},
		{AppendSTOU(nil, "a b\n"), "150 FILE: a b?"},
		{AppendNumber(nil, 213, 1<<63-1), "213 9223372036854775807"},
		{AppendRestart(nil, 5), "350 Restarting at 5."},
		{AppendMDTM(nil, 1709210096), "213 20240229123456"},
		{AppendMFMT(nil, 1709210096, "a b"), "213 Modify=20240229123456; a b"},
		{AppendHASH(nil, 9, "abcd", "a b"), "213 SHA-256 0-9 abcd a b"},
		{
			AppendReply(AppendMore(AppendFirst(nil, 211, "a"), "211 b\n"), 211, "End"),
			"211-a\r\n 211 b?\r\n211 End",
		},
		{AppendOPTS(nil, FactType|FactMode), "200 MLST OPTS type;UNIX.mode;"},
		{AppendOPTS(nil, 0), "200 MLST OPTS"},
		{help("retr", Features{}), "214 Syntax: RETR path"},
		{help("NOOP", Features{}), "214 Syntax: NOOP"},
		{help("XCWD", Features{}), "214 Syntax: CWD path"},
		{help("RETRX", Features{}), "501 Invalid or missing argument."},
		{help("LANG", Features{}), "502 Command not implemented."},
		{help("AUTH", Features{}), "502 Command not implemented."},
		{help("AUTH", Features{TLS: true}), "214 Syntax: AUTH TLS"},
		{help("HASH", Features{}), "502 Command not implemented."},
		{help("HASH", Features{Hash: true}), "214 Syntax: HASH path"},
		{help("SITE", Features{}), strings.TrimSuffix(string(AppendSITE(nil)), "\r\n")},
	} {
		if string(c.got) != c.want+"\r\n" {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func help(argument string, f Features) []byte { return AppendHELPOf(nil, []byte(argument), f) }

func TestFeaturesAreToldAndKept(t *testing.T) {
	const begin = "211-Features:\r\n EPSV\r\n PASV\r\n MDTM\r\n MFMT\r\n MLST "
	const end = "\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n UTF8\r\n"
	for want, f := range map[string]Features{
		begin + "type*;size*;modify*;perm*;unique*;UNIX.mode*;" + end + "211 End\r\n": {
			Facts: FactsAll,
		},
		begin + "type;size*;modify;perm;unique;UNIX.mode;" + end +
			" HASH SHA-256*\r\n XSHA256\r\n AUTH TLS\r\n PBSZ\r\n PROT\r\n211 End\r\n": {
			Hash: true, TLS: true, Facts: FactSize,
		},
	} {
		if got := AppendFEAT(nil, f); string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for line := range strings.Lines(want) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(line, " ") || word == "TVFS" || word == "UTF8" {
				continue
			}
			if v := verbOf([]byte(word)); !v.works(f) {
				t.Errorf("%s is promised and does not work", word)
			}
		}
	}
}

func TestHelpNamesWhatWorks(t *testing.T) {
	for _, f := range []Features{{}, {Hash: true, TLS: true}} {
		text := AppendHELP(nil, f)
		checkReply(t, text)
		for line := range strings.Lines(string(text)) {
			if len(line) > 80 {
				t.Errorf("too wide: %q", line)
			}
		}
		for v := VerbUnknown + 1; v < verbCount; v++ {
			named := regexp.MustCompile(`\s` + v.String() + `\s`).Match(text)
			if named != v.works(f) {
				t.Errorf("%v is named: %t", v, named)
			}
		}
	}
	site := AppendSITE(nil)
	checkReply(t, site)
	if !strings.Contains(string(site), "\r\n UTIME ") {
		t.Errorf("%q", site)
	}
}

var (
	oneLine   = regexp.MustCompile(`\A([1-5][0-9][0-9]) [^\x00-\x1f\x7f]*\r\n\z`)
	manyLines = regexp.MustCompile(
		`\A([1-5][0-9][0-9])-[^\x00-\x1f\x7f]*\r\n( [^\x00-\x1f\x7f]*\r\n)*` +
			`([1-5][0-9][0-9]) [^\x00-\x1f\x7f]*\r\n\z`)
)

// checkReply holds bytes against the grammar of one reply.
func checkReply(t *testing.T, reply []byte) {
	t.Helper()
	text := strings.ReplaceAll(string(reply), "\xff\xff", "")
	text = strings.ToValidUTF8(text, "?")
	found := manyLines.FindStringSubmatch(text)
	if !oneLine.MatchString(text) && (found == nil || found[1] != found[3]) ||
		strings.Contains(text, "\xff") {
		t.Errorf("malformed reply %q", reply)
	}
}

// FuzzReplies holds each reply about a client's words to be one reply, whatever they are.
func FuzzReplies(f *testing.F) {
	f.Add("a\r\n200 b", int64(5))
	f.Add("\xff\"\x00", int64(-1))
	f.Fuzz(func(t *testing.T, name string, n int64) {
		checkReply(t, AppendReply(nil, 200, name))
		checkReply(t, ReplyNotFound.AppendNamed(nil, name))
		checkReply(t, AppendSTOU(nil, name))
		checkReply(t, AppendMFMT(nil, n, name))
		checkReply(t, AppendMDTM(nil, n))
		checkReply(t, AppendHASH(nil, n, "00", name))
		checkReply(t, AppendHELPOf(nil, []byte(name), Features{}))
		l := Listing{Facts: FactsAll}
		checkReply(t, l.AppendMLST(nil, &Entry{Name: name, Size: n, Modified: n}))
		path := AppendPath(nil, name, "text")
		checkReply(t, path)
		quoted, found := strings.CutPrefix(string(path), `257 "`)
		quoted, ended := strings.CutSuffix(quoted, "\" text\r\n")
		back := strings.ReplaceAll(strings.ReplaceAll(quoted, `""`, `"`), "\xff\xff", "\xff")
		if !found || !ended || back != string(printable(name)) {
			t.Fatalf("%q became %q", name, path)
		}
	})
}

// printable is the name with question marks for control characters.
func printable(name string) []byte {
	out := []byte(name)
	for i, b := range out {
		if b < 0x20 || b == 0x7f {
			out[i] = '?'
		}
	}
	return out
}
