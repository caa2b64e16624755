package reactor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// link makes a symbolic link beneath the served root.
func (ts *testServer) link(target, name string) {
	ts.t.Helper()
	check(ts.t, os.Symlink(target, filepath.Join(ts.dir, name)))
}

// dated sets the time of a file.
func (ts *testServer) dated(name string, at time.Time) {
	ts.t.Helper()
	check(ts.t, os.Chtimes(filepath.Join(ts.dir, name), at, at))
}

// listTree makes what most listings of the tests show.
func listTree(t testing.TB, change ...func(*Options)) (*testServer, *ftpWire) {
	t.Helper()
	ts := serveFTP(t, change...)
	for _, dir := range []string{"d", "d/inner", "empty"} {
		check(t, os.Mkdir(filepath.Join(ts.dir, dir), 0o755))
	}
	ts.file("a.txt", []byte("content"))
	ts.file("b.txt", nil)
	ts.file("c.bin", nil)
	ts.file("d/x.txt", nil)
	ts.file(".hidden", nil)
	return ts, ts.ftp()
}

var longLine = regexp.MustCompile(
	`^[-dl]([-r][-w][-xsS]){2}[-r][-w][-xtT] +\d+ ftp +ftp +(\d+) ` +
		`([A-Z][a-z]{2} [ 123]\d (?:\d\d:\d\d| \d{4})) (.+)$`)

// LIST has the nine fields of ls -l, the time of day only for the last six months.
func TestFTPListIsThatOfLs(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	ts, c := listTree(t, func(o *Options) {
		o.FTP.clock = func() time.Time { return now }
	})
	const halfYear = 31556952 / 2 * time.Second
	for _, row := range []struct {
		at   time.Time
		want string
	}{
		{now, "Mar  2 12:00"},
		{now.Add(-halfYear + time.Second), now.Add(-halfYear + time.Second).Format("Jan _2 15:04")},
		{now.Add(-halfYear), now.Add(-halfYear).Format("Jan _2  2006")},
		{now.Add(time.Second), "Mar  2  2026"},
		{time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), "Dec 31  1999"},
	} {
		ts.dated("a.txt", row.at)
		lines := names(c.fetch("LIST"))
		if len(lines) != 5 {
			t.Fatalf("LIST: %q", lines)
		}
		m := longLine.FindStringSubmatch(lines[0])
		if m == nil || m[2] != "7" || m[3] != row.want || m[4] != "a.txt" {
			t.Errorf("LIST: %q, want %s", lines[0], row.want)
		}
		m = longLine.FindStringSubmatch(lines[3])
		if m == nil || lines[3][0] != 'd' || m[4] != "d" {
			t.Errorf("LIST: %q", lines[3])
		}
	}
	c.bye()
}

func TestFTPListsWhatItsArgumentMeans(t *testing.T) {
	ts, c := listTree(t)
	ts.file("-a", nil)
	ts.file("x*", nil)
	ts.file("xy", nil)
	all := "-a a.txt b.txt c.bin d empty x* xy"
	for argument, want := range map[string]string{
		"": all, " ": all, " .": all, " -l": all, " -al": all, " -CF": all, " -la .": all,
		" -R": all, " -a -l": all, " -a": "-a", // a file has that name
		" a.txt": "a.txt", " -l a.txt": "a.txt", " /a.txt": "/a.txt", " d/x.txt": "d/x.txt",
		" d": "d/inner d/x.txt", " d/": "d/inner d/x.txt", " -al d": "d/inner d/x.txt",
		" /d": "/d/inner /d/x.txt", " empty": "",
		" *.txt": "a.txt b.txt", " ?.bin": "c.bin", " [ab].txt": "a.txt b.txt", " [!ab].*": "c.bin",
		" d/*.txt": "d/x.txt", " -l *.txt": "a.txt b.txt", " x*": "x*", " *": all,
		" /d/": "/d/inner /d/x.txt",
	} {
		got := strings.Join(names(c.fetch("NLST"+argument)), " ")
		if got != want {
			t.Errorf("NLST%s: %q, want %q", argument, got, want)
		}
		var last []string
		for _, line := range names(c.fetch("LIST" + argument)) {
			if m := longLine.FindStringSubmatch(line); m != nil {
				last = append(last, m[4])
			} else if line != "" {
				t.Errorf("LIST%s: %q", argument, line)
			}
		}
		var wantNames []string
		for _, name := range strings.Fields(want) {
			asked := strings.HasSuffix(strings.TrimSpace(argument), name) ||
				strings.Contains(argument, "x.txt")
			if !asked {
				name = name[strings.LastIndexByte(name, '/')+1:]
			}
			wantNames = append(wantNames, name)
		}
		if strings.Join(last, " ") != strings.Join(wantNames, " ") {
			t.Errorf("LIST%s: %q, want %q", argument, last, wantNames)
		}
	}
	for _, argument := range []string{
		"none", "none/x", "*.none", "none/*", "a.txt/", "-l none", "../x", ".hidden",
	} {
		for _, command := range []string{"LIST ", "NLST "} {
			c.refuses(command+argument, "550")
		}
	}
	c.bye()
}

func TestFTPListsLinksWithTheirTargets(t *testing.T) {
	ts, c := listTree(t)
	ts.link("a.txt", "to file")
	ts.link("d", "to folder")
	ts.link("none", "to nothing")
	ts.link("/etc/passwd", "outside")
	lines := names(c.fetch("LIST"))
	var links []string
	for _, line := range lines {
		if m := longLine.FindStringSubmatch(line); m == nil {
			t.Errorf("LIST: %q", line)
		} else if line[0] == 'l' {
			links = append(links, m[4])
		}
	}
	if want := []string{"to file -> a.txt", "to folder -> d"}; !slices.Equal(links, want) {
		t.Errorf("links are listed as %q, want %q", links, want)
	}
	mlsd := c.fetch("MLSD")
	if !strings.Contains(mlsd, "type=file;size=7;") || strings.Contains(mlsd, "outside") ||
		strings.Contains(mlsd, "to nothing") || strings.Count(mlsd, "type=dir;") != 3 {
		t.Errorf("MLSD: %q", mlsd)
	}
	c.ask("CWD to folder", "250")
	c.wantFetch("NLST", "inner\r\nx.txt\r\n")
	c.bye()
}

var factLine = regexp.MustCompile(`^type=(file|dir);(size=\d+;)?modify=\d{14};` +
	`perm=([a-z]*);unique=[0-9a-f]+g[0-9a-f]+;UNIX\.mode=0[0-7]{3}; (.*)$`)

func TestFTPMachineListings(t *testing.T) {
	ts, c := listTree(t)
	ts.dated("a.txt", time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC))
	uniques := map[string]bool{}
	lines := names(c.fetch("MLSD"))
	var seen []string
	for _, line := range lines {
		m := factLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("MLSD: %q", line)
		}
		seen = append(seen, m[4])
		unique := line[strings.Index(line, "unique="):strings.Index(line, "UNIX.mode")]
		if uniques[unique] {
			t.Errorf("%s is not unique", unique)
		}
		uniques[unique] = true
		wantPerm := map[string]string{"file": "adfrw", "dir": "cdeflmp"}[m[1]]
		if m[3] != wantPerm || (m[2] == "") != (m[1] == "dir") {
			t.Errorf("MLSD: %q", line)
		}
	}
	if got := strings.Join(seen, " "); got != "a.txt b.txt c.bin d empty" {
		t.Errorf("MLSD: %q", got)
	}
	if !strings.HasPrefix(lines[0], "type=file;size=7;modify=20200102030405;") {
		t.Errorf("MLSD: %q", lines[0])
	}
	c.wantFetch("MLSD empty", "")
	if got := names(c.fetch("MLSD d")); len(got) != 2 || !strings.HasSuffix(got[1], "; x.txt") {
		t.Errorf("MLSD d: %q", got)
	}
	c.refuses("MLSD none", "550")
	c.refuses("MLSD a.txt", "501")
	c.refuses("MLSD *.txt", "550")
	c.refuses("MLSD -a", "550")
	mlst := strings.Split(c.ask("MLST a.txt", "250-"), "\n")
	if len(mlst) != 3 || mlst[1] != " "+strings.TrimSuffix(lines[0], "a.txt")+"/a.txt" {
		t.Errorf("MLST: %q", mlst)
	}
	c.ask("CWD d", "250")
	for argument, want := range map[string]string{
		"": "/d", " x.txt": "/d/x.txt", " ..": "/", " /": "/", " inner/": "/d/inner",
	} {
		mlst := strings.Split(c.ask("MLST"+argument, "250-"), "\n")
		if m := factLine.FindStringSubmatch(mlst[1][1:]); m == nil || m[4] != want {
			t.Errorf("MLST%s: %q", argument, mlst)
		}
	}
	c.ask("MLST none", "550")
	c.bye()
}

// The fact perm tells what the session may do.
func TestFTPPermFactsFollowTheRights(t *testing.T) {
	for _, row := range []struct {
		p         Permissions
		file, dir string
	}{
		{Permissions{}, "adfrw", "cdeflmp"},
		{Permissions{ReadOnly: true}, "r", "el"},
		{Permissions{NoOverwrite: true}, "r", "celm"},
	} {
		ts := serveFTP(t, func(o *Options) { o.Permissions = row.p })
		ts.file("f", nil)
		check(t, os.Mkdir(filepath.Join(ts.dir, "g"), 0o755))
		c := ts.ftp()
		lines := names(c.fetch("MLSD"))
		file, dir := factLine.FindStringSubmatch(lines[0]), factLine.FindStringSubmatch(lines[1])
		if file[3] != row.file || dir[3] != row.dir {
			t.Errorf("%+v: perm=%s and perm=%s, want %s and %s",
				row.p, file[3], dir[3], row.file, row.dir)
		}
		c.bye()
	}
}

// Rules by path narrow the fact perm, and only there.
func TestFTPPermFactsFollowTheRules(t *testing.T) {
	ts := serveUsers(t, "* : - : /own:rw /own/secret:r /pub:r /in:w /hidden/deep:r", ftpOptions)
	ts.file("own/a", nil)
	c := ts.ftp()
	for name, want := range map[string]string{
		"/": "el", "own": "celmp", "own/a": "adfrw", "own/secret": "el", "own/secret/a": "r",
		"pub": "el", "pub/a": "r", "in": "celm", "hidden": "el",
	} {
		lines := strings.Split(c.ask("MLST "+name, "250-"), "\n")
		if m := factLine.FindStringSubmatch(lines[1][1:]); m == nil || m[3] != want {
			t.Errorf("MLST %s: %q, want perm=%s", name, lines[1], want)
		}
	}
	perms := map[string]string{}
	for _, line := range names(c.fetch("MLSD own")) {
		m := factLine.FindStringSubmatch(line)
		perms[m[4]] = m[3]
	}
	if perms["a"] != "adfrw" || perms["secret"] != "el" {
		t.Errorf("MLSD has %v", perms)
	}
	c.bye()
}

// A drop box takes new files by every command that stores, and none in place of another.
func TestFTPDropBoxTakesNewFiles(t *testing.T) {
	ts := serveUsers(t, "* : - : /:w", ftpOptions)
	c := ts.ftp()
	c.store("STOR s", "stored")
	ts.wantFile("s", []byte("stored"))
	c.store("APPE p", "appended")
	ts.wantFile("p", []byte("appended"))
	c.store("STOU u", "unique")
	c.refuses("APPE a", "550")
	c.refuses("APPE p", "550")
	c.ask("REST 1", "350")
	c.refuses("STOR a", "550")
	ts.wantFile("a", []byte("abc"))
	c.bye()
}

func TestFTPLongListingsAreWhole(t *testing.T) {
	ts := serveFTP(t)
	var want strings.Builder
	for i := range 3000 {
		name := fmt.Sprintf("file %05d %s", i, strings.Repeat("x", i%100))
		ts.file(name, nil)
		want.WriteString(name + "\r\n")
	}
	c := ts.ftp()
	c.wantFetch("NLST", want.String())
	c.wantFetch("NLST *", want.String())
	for _, command := range []string{"LIST", "MLSD"} {
		if got := names(c.fetch(command)); len(got) != 3000 {
			t.Errorf("%s: %d lines", command, len(got))
		}
	}
	c.ask("STAT /", "4") // too long for control
	c.bye()
}

func TestFTPDotfilesAreThereIfAllowed(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.Dotfiles = true })
	ts.file(".hidden", []byte("content"))
	ts.file("seen", nil)
	c := ts.ftp()
	c.wantFetch("NLST", ".hidden\r\nseen\r\n")
	c.wantFetch("NLST -a", ".hidden\r\nseen\r\n")
	c.wantFetch("NLST *", "seen\r\n")
	c.wantFetch("NLST .h*", ".hidden\r\n")
	c.wantFetch("RETR .hidden", "content")
	c.bye()
}
