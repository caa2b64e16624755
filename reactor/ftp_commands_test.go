package reactor

import (
	"strings"
	"testing"
	"time"
)

// Every command with right, wrong, missing and too many arguments.
func TestFTPCommandsAndTheirArguments(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	for _, row := range []struct{ codes, lines string }{
		{"200", "NOOP|noop|NoOp|TYPE I|TYPE i|TYPE L 8|TYPE A|TYPE A N|type a n|TYPE I"},
		{"200", "MODE S|STRU F"},
		{"200", "CLNT a client 1.0|OPTS UTF8 ON|OPTS utf8 on|OPTS UTF8 OFF|OPTS UTF8|EPSV ALL"},
		{"200", "OPTS MLST type;size;|OPTS HASH|OPTS HASH SHA-256|SITE CHMOD 644 f"},
		{"200", "SITE UTIME 20200102030405 f"},
		{"200", "SITE UTIME f 20200102030405 20200102030405 20200102030405 UTC"},
		{"202", "ALLO 10|ALLO 10 R 5|ALLO 0|ACCT x"},
		{"211", "STAT|FEAT"},
		{"213", "STAT f|STAT /|SIZE f|MDTM f|MFMT 20200102030405 f|MDTM 20200102030405 f|HASH f"},
		{"214", "HELP|HELP RETR|HELP SITE|HELP retr|SITE HELP"},
		{"215 UNIX Type: L8", "SYST"},
		{"226", "ABOR"},
		{"250", "XSHA256 f|CWD /|CWD .|CDUP|XCUP|XCWD /|MLST|MLST f|MLST /"},
		{"257", "PWD|XPWD"},
		{"350", "REST 0|REST 9223372036854775807|REST 0"},
		{"425", "RETR f|STOR f|APPE f|STOU|LIST|NLST|MLSD|LIST f"}, // without an offer
		{"500", "|FOO|FOO bar|PRET RETR f|X| NOOP|RETRf|XSTOR f"},
		{"501", "USER|NOOP x|PWD x|SYST x|FEAT x|REIN x|QUIT x|ABOR x|PASV x|CDUP x|TYPE"},
		{"501", "MODE|STRU"},
		{"501", "REST|REST x|REST -1|REST 1 2|REST 18446744073709551616|REST 9223372036854775808"},
		{"501", "ALLO|ALLO x|ALLO -1|ALLO 10 R|ACCT|CWD|RETR|STOR|APPE|DELE|MKD|RMD|RNFR"},
		{"501", "RNTO|SIZE|MDTM"},
		{"501", "MFMT|MFMT x f|MFMT 2020 f|MFMT 20200102030405|MFMT 20201302030405 f|OPTS"},
		{"501", "OPTS FOO"},
		{"501", "OPTS UTF8 MAYBE|HELP FOO|SITE|SITE CHMOD|SITE CHMOD 999 f|SITE CHMOD 644"},
		{"501", "SITE UTIME f"},
		{"501", "HASH|XSHA256|CLNT|AUTH|PBSZ|PROT"},
		{"502", "AUTH TLS|AUTH SSL|PBSZ 0|PROT P|CCC|ADAT x|MIC x|CONF x|ENC x|SMNT x|LANG"},
		{"502", "HOST x"},
		{"502", "LPRT x|LPSV"},
		{"503", "RNTO x"},
		{"504", "TYPE E|TYPE X|TYPE I X|TYPE L 7|TYPE A C|MODE B|MODE X|STRU R|STRU P|SITE FOO"},
		{"504", "SITE CHMOD 4755 f"},
		{"550", "CWD none|CWD f|RNFR none|DELE none|RMD none|RMD f|SIZE none|SIZE /"},
		{"550", "MDTM none|MLST none"},
		{"550", "STAT none|HASH none|HASH /|XSHA256 none|MFMT 20200102030405 none"},
		{"550", "SITE CHMOD 644 none|SITE CHMOD 0 /|SITE CHMOD 0 ."},
		{"550", "SITE UTIME 20200102030405 none|DELE /|RMD /|MKD f|MKD none/new"},
	} {
		for line := range strings.SplitSeq(row.lines, "|") {
			c.ask(line, row.codes)
		}
	}
	c.bye()
}

func TestFTPWorksBeforeLoginWhereClientsBeginWithIt(t *testing.T) {
	ts := serveFTP(t)
	c := ts.greetFTP()
	for _, row := range []struct{ codes, lines string }{
		{"200", "NOOP|OPTS UTF8 ON|CLNT x"},
		{"211", "FEAT"},
		{"214", "HELP"},
		{"215", "SYST"},
		{"502", "AUTH TLS|HOST x|LANG"},
		{"500", "FOO"},
		{"530", "PWD|CWD /|TYPE I|EPSV|PASV|PORT 127,0,0,1,200,1|LIST|RETR f|STOR f|SIZE f"},
		{"530", "REST 1|STAT"},
		{"530", "STAT f|MKD x|DELE x|RNFR x|RNTO x|ABOR|REIN|MODE S|STRU F|ALLO 1|SITE HELP"},
		{"530", "ACCT x|MLST"},
		{"503", "PASS x"},
	} {
		for line := range strings.SplitSeq(row.lines, "|") {
			c.ask(line, row.codes)
		}
	}
	c.bye()
}

// What FEAT promises is kept, with the facts of the session marked.
func TestFTPFeatPromisesWhatWorks(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	want := "211-Features:\n EPSV\n PASV\n MDTM\n MFMT\n" +
		" MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;\n" +
		" REST STREAM\n SIZE\n TVFS\n UTF8\n HASH SHA-256*\n XSHA256\n211 End"
	if got := c.ask("FEAT", "211-"); got != want {
		t.Errorf("FEAT: %q", got)
	}
	c.ask("OPTS MLST type;unknown;modify;", "200 MLST OPTS type;modify;")
	c.ask("FEAT", strings.Replace(want, "size*;modify*;perm*;unique*;UNIX.mode*;",
		"size;modify*;perm;unique;UNIX.mode;", 1))
	ts.file("f", nil)
	if got := c.fetch("MLSD"); !strings.HasPrefix(got, "type=file;modify=") ||
		!strings.HasSuffix(got, "; f\r\n") || strings.Count(got, ";") != 2 {
		t.Errorf("MLSD: %q", got)
	}
	c.ask("OPTS MLST", "200 MLST OPTS\r"[:13])
	c.wantFetch("MLSD", " f\r\n")
	c.bye()
	other := ts.ftp() // the facts were those of one session
	if got := other.ask("FEAT", "211-"); got != want {
		t.Errorf("FEAT: %q", got)
	}
	other.bye()
}

func TestFTPHelpNamesWhatWorks(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	got := strings.Fields(c.ask("HELP", "214-"))
	verbs := "USER PASS RETR STOR APPE STOU REST ABOR MLSD HASH SITE EPRT"
	for _, verb := range strings.Fields(verbs) {
		if !strings.Contains(strings.Join(got, " "), " "+verb+" ") {
			t.Errorf("HELP does not name %s: %q", verb, got)
		}
	}
	if strings.Contains(strings.Join(got, " "), "AUTH") {
		t.Errorf("HELP names what does not work: %q", got)
	}
	c.ask("HELP STOR", "214 Syntax: STOR path")
	c.ask("HELP AUTH", "502")
	if got := c.ask("HELP SITE", "214-"); !strings.Contains(got, "\n UTIME ") {
		t.Errorf("HELP SITE: %q", got) // ncftp looks for it
	}
	c.bye()
}

func TestFTPStatHasThreeForms(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	if got := c.ask("STAT", "211-"); !strings.Contains(got, "anonymous") ||
		!strings.Contains(got, "TYPE: I") || !strings.Contains(got, "No data connection") {
		t.Errorf("STAT: %q", got)
	}
	c.ask("MKD d", "257")
	if got := strings.Split(c.ask("STAT /", "213-"), "\n"); len(got) != 4 ||
		!strings.HasPrefix(got[1], " drwx") || !strings.HasSuffix(got[2], " f") {
		t.Errorf("STAT /: %q", got)
	}
	if got := strings.Split(c.ask("STAT f", "213-"), "\n"); len(got) != 3 ||
		!strings.HasSuffix(got[1], " f") {
		t.Errorf("STAT f: %q", got)
	}
	d := c.opens("STOR g")
	d.say("12345")
	eventually(t, "bytes that were counted", func() bool {
		got := c.ask("STAT", "211-")
		return strings.Contains(got, "STOR: 5 bytes")
	})
	d.finish()
	c.want("226")
	c.bye()
}

func TestFTPFoldersArePathsWithDoubledQuotes(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	c.ask("PWD", `257 "/" `)
	c.ask(`MKD a "b"`, `257 "/a ""b""" `)
	c.ask(`CWD a "b"`, "250")
	c.ask("PWD", `257 "/a ""b""" `)
	c.ask("XMKD c", `257 "/a ""b""/c" `)
	c.ask("MKD c", "550 c: File exists.")
	c.ask("XCWD c", "250")
	c.ask("XPWD", `257 "/a ""b""/c" `)
	c.ask("CWD ../..", "250")
	c.ask("PWD", `257 "/" `)
	c.ask(`CWD /a "b"/c/`, "250")
	c.ask("XCUP", "250")
	c.ask("PWD", `257 "/a ""b""" `)
	c.ask("CDUP", "250")
	c.ask("CDUP", "250") // the root is its own parent
	c.ask("CWD ..", "250")
	c.ask("CWD ../a", "550")
	c.ask("PWD", `257 "/" `)
	c.ask(`RMD a "b"`, `550 a "b": Directory not empty.`)
	c.ask(`XRMD a "b"/c`, "250")
	c.ask(`RMD a "b"`, "250")
	c.ask(`CWD a "b"`, "550")
	c.bye()
}

func TestFTPRenamesInTwoSteps(t *testing.T) {
	ts := serveFTP(t)
	ts.file("a", []byte("content"))
	ts.file("taken", []byte("other"))
	c := ts.ftp()
	c.ask("RNTO b", "503")
	c.ask("RNFR a", "350")
	c.ask("RNTO b", "250")
	c.ask("RNTO c", "503") // it counts once
	c.ask("RNFR b", "350")
	c.ask("NOOP", "200")
	c.ask("RNTO c", "503") // and at once
	c.ask("RNFR b", "350")
	c.ask("RNFR taken", "350") // the last one counts
	c.ask("RNTO b", "250")
	ts.wantFile("b", []byte("other"))
	c.ask("MKD d", "257")
	c.ask("CWD d", "250")
	c.ask("RNFR /b", "350")
	c.ask("RNTO e", "250")
	ts.wantFile("d/e", []byte("other"))
	c.ask("RNFR e", "350")
	c.ask("RNTO none/e", "550")
	c.ask("RNFR e", "350")
	c.ask("RNTO /d", "550") // a folder is not replaced
	ts.wantFile("d/e", []byte("other"))
	c.bye()
}

func TestFTPSetsAndTellsTimesAndModes(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	ts.file("20200102030405 g", []byte("its name looks like a time"))
	ts.file("g", nil)
	c := ts.ftp()
	c.ask("MFMT 20200102030405 f", "213 Modify=20200102030405; f")
	c.ask("MDTM f", "213 20200102030405")
	c.ask("MDTM 20190102030405 f", "213 Modify=20190102030405; f")
	c.ask("MDTM f", "213 20190102030405")
	c.ask("SITE UTIME 20180102030405 f", "200")
	c.ask("MDTM f", "213 20180102030405")
	c.ask("SITE UTIME f 20170102030405 20170102030406 20170102030405 UTC", "200")
	c.ask("MDTM f", "213 20170102030406")
	c.ask("MDTM g", "213 "+time.Now().UTC().Format("2006"))
	if got := c.ask("MDTM 20200102030405 g", "213 "); strings.Contains(got, "Modify") {
		t.Errorf("the file of that name is asked for: %q", got)
	}
	c.ask("SITE CHMOD 640 f", "200")
	if got := c.ask("MLST f", "250-"); !strings.Contains(got, "UNIX.mode=0640;") {
		t.Errorf("MLST: %q", got)
	}
	if got := c.fetch("LIST f"); !strings.HasPrefix(got, "-rw-r----- ") {
		t.Errorf("LIST: %q", got)
	}
	c.bye()
}

func TestFTPHashesFilesAndRanges(t *testing.T) {
	ts := serveFTP(t)
	ts.file("abc", []byte("abc"))
	ts.file("abc 0 1", []byte("abc")) // a name that ends like a range
	ts.file("xabcx", []byte("xabcx"))
	ts.file("empty", nil)
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	const none = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	c := ts.ftp()
	c.ask("HASH abc", "213 SHA-256 0-3 "+abc+" abc")
	c.ask("HASH abc 0 1", "213 SHA-256 0-3 "+abc+" abc 0 1")
	c.ask("HASH empty", "213 SHA-256 0-0 "+none+" empty")
	c.ask("XSHA256 abc", "250 "+abc)
	c.ask("XSHA256 abc 0 1", "250 "+abc)
	c.ask("XSHA256 xabcx 1 4", "250 "+abc)
	c.ask(`XSHA256 "xabcx" 1 4`, "250 "+abc)
	c.ask("XSHA256 abc 3 3", "250 "+none)
	c.ask("XSHA256 abc 4 4", "55")
	c.ask("XSHA256 none 0 1", "550")
	c.bye()
}
