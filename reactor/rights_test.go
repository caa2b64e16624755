package reactor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/codec"
)

// serveUsers serves a small tree with a users file.
func serveUsers(t testing.TB, text string, change ...func(*Options)) *testServer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users")
	check(t, os.WriteFile(file, []byte(text), 0o600))
	users := func(o *Options) { o.Users, o.PlainPasswords = file, true }
	ts := serve(t, append([]func(*Options){users}, change...)...)
	for _, dir := range []string{"pub", "in", "own/secret", "hidden/deep"} {
		check(t, os.MkdirAll(filepath.Join(ts.dir, dir), 0o777))
		ts.file(dir+"/a", []byte("abc"))
	}
	ts.file("a", []byte("abc"))
	return ts
}

const rightsUnderTest = "* : - : /pub:r /in:w /own:rw /own/secret:- /hidden/deep:r"

func TestRightsByPathDecideOverEveryCommand(t *testing.T) {
	ts := serveUsers(t, rightsUnderTest)
	c := ts.greet()
	c.fetch("ls", []byte("hidden/\nin/\nown/\npub/\n"))
	c.fetch("ls hidden", []byte("deep/\n"))
	c.fetch("ls in", nil)
	c.fetch("ls own", nil)
	c.fetch("ls pub", []byte("a\n"))
	c.fetch("get pub/a", []byte("abc"))
	c.fetch("getpart 1 1 hidden/deep/a", []byte("b"))
	for _, denied := range []string{
		"get in", "mkdir d", "rm pub/a", "newpart pub/b", "rmdir pub", "mkdir own/secret",
		"rmdir own", "rmdir in",
	} {
		c.ask(denied, 530, strings.SplitN(denied, " ", 2)[1]+": not allowed here")
	}
	for _, name := range []string{"b", "pub/a", "pub/b", "hidden/deep/a", "own/secret"} {
		c.wantRefused("put "+name, 530)
	}
	for _, names := range [][2]string{
		{"pub/a", "own/a"}, {"own", "other"}, {"in", "own/in"}, {"hidden", "own/hidden"},
	} {
		c.ask("rnfr "+names[0], 350, "")
		c.ask("rnto "+names[1], 530, names[1]+": not allowed here")
	}
	for _, visible := range []string{"stat .", "stat in", "stat hidden", "stat pub/a"} {
		c.ask(visible, 213, "")
	}
	c.ask("cd in", 250, "/in")
	c.ask("get a", 550, "")
	c.ask("mkdir d", 250, "")
	c.ask("cd d", 250, "/in/d")
	c.store("new", "one")
	// A drop box keeps what is there.
	c.wantRefused("put new", 530)
	c.wantRefused("put ../a", 530)
	c.ask("cd /own", 250, "")
	c.store("x", "one")
	c.store("x", "two")
	c.ask("rnfr x", 350, "")
	c.ask("rnto ../pub/x", 530, "../pub/x: not allowed here")
	c.ask("rnfr x", 350, "")
	c.ask("rnto secret", 530, "secret: not allowed here")
	c.ask("rnfr x", 350, "")
	c.ask("rnto .", 530, ".: not allowed here")
	c.ask("rnfr x", 350, "")
	c.ask("rnto y", 250, "")
	c.ask("rnfr y", 350, "")
	c.ask("rnto ../in/a", 530, "")
	c.ask("rm y", 250, "")
	c.bye()
	ts.wantFile("in/d/new", []byte("one"))
	ts.wantFile("in/a", []byte("abc"))
}

// A command that rights forbid is no failure of the server, which would be a warning in the log.
func TestForbiddenCommandIsLoggedAsRefused(t *testing.T) {
	ts := serveUsers(t, rightsUnderTest)
	c := ts.greet()
	c.ask("rm pub/a", 530, "pub/a: not allowed here")
	c.bye()
	ts.wantSession(1, endQuit)
	if lines := ts.log.all("command ended"); len(lines) != 1 ||
		lines[0]["outcome"] != string(outcomeRefused) {
		t.Error(lines)
	}
}

// wantRefused begins an upload that is refused once its data connection is made, or later.
func (c *speaker) wantRefused(command string, code int) {
	c.t.Helper()
	d := c.offered(command).take()
	_, _ = d.Write([]byte(record("two"))) // it may be reset before
	c.want(code, "")
	check(c.t, d.Close())
}

// What a user may not see is answered like what does not exist.
func TestHiddenNamesAreToldAsMissing(t *testing.T) {
	ts := serveUsers(t, rightsUnderTest)
	c := ts.greet()
	answer := func(command, name string) string {
		c.command(strings.Replace(command, "NAME", name, 1))
		code, text := c.reply()
		if code < 400 {
			t.Errorf("%s: %d %q", command, code, text)
		}
		return strings.Replace(text, name, "NAME", 1)
	}
	for _, command := range []string{
		"get NAME", "getpart 0 0 NAME", "stat NAME", "cd NAME", "ls NAME", "ls -l NAME", "rm NAME",
		"rmdir NAME", "rnfr NAME", "sum xxh3 NAME", "sumpart xxh3 0 0 NAME",
		"newpart NAME/x", "mkdir NAME/x", "get NAME/x",
	} {
		want := answer(command, "own/secret/none")
		if is := answer(command, "own/secret/a"); is != want {
			t.Errorf("%s is answered %q, and %q without the file", command, is, want)
		}
		// What really is missing, in a folder that can be read, has the same answer.
		if strings.HasPrefix(command, "get") || strings.HasPrefix(command, "s") {
			if missing := answer(command, "pub/none"); missing != want {
				t.Errorf("%s is answered %q, but %q for a missing file", command, want, missing)
			}
		}
	}
	c.wantRefused("put own/secret/a", 550)
	c.wantRefused("put own/secret/b", 550)
	c.bye()
	b := ts.dial()
	b.get("a", nil)
	b.get("pub/a", []byte("abc"))
	b.ask("ls own/secret").wantRecord([]byte("550 own/secret: no such folder\n"))
	b.ask("ls").wantRecord([]byte("hidden/\nin/\nown/\npub/\n"))
	b.quit()
}

// Who knows the id of a part still needs the right to write under its name.
func TestPartsNeedTheRightToTheirName(t *testing.T) {
	ts := serveUsers(t, "* : - : /pub:rw")
	c := ts.greet()
	part := c.begin("pub/c")
	c.goOn(part, 0, 3, []byte("abc"), 226) // from a folder without rights
	part = c.begin("pub/b")
	check(t, os.WriteFile(ts.options.Users, []byte("* : - : /:rw /pub:r"), 0o600))
	ts.ReloadUsers()
	for _, r := range ts.reactors {
		onLoop(t, r, func() {}) // the order to renew came before
	}
	for _, command := range []string{"partsize", "droppart", "putpart"} {
		text := command + " " + part
		if command == "putpart" {
			text += " 0 3"
		}
		c.ask(text, 530, "not allowed here")
	}
	check(t, os.WriteFile(ts.options.Users, []byte("nonsense\n* : - : /:rx"), 0o600))
	ts.ReloadUsers() // the former ones stay
	c.ask("partsize "+part, 530, "")
	lines := ts.log.all("the users file was not read; the users before stay")
	if len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), "line 1: ") ||
		!strings.Contains(lines[0]["error"].(string), "; line 2: ") {
		t.Errorf("it is told as %v", lines)
	}
	check(t, os.WriteFile(ts.options.Users, []byte("* : - : /:rw"), 0o600))
	ts.ReloadUsers()
	for _, r := range ts.reactors {
		onLoop(t, r, func() {})
	}
	c.ask("droppart "+part, 250, "")
	c.bye()
}

// Flags of the server stay in force whatever the users file allows.
func TestFlagsBoundTheRightsOfUsers(t *testing.T) {
	ts := serveUsers(t, "* : - : /:rw", func(o *Options) { o.ReadOnly = true })
	c := ts.greet()
	c.ask("put b", 530, "put: not allowed here (--read-only)")
	c.fetch("get a", []byte("abc"))
	c.bye()
}

// Exchanges without a login are closed where the server demands one.
func TestExchangesWithoutLoginAreClosed(t *testing.T) {
	ts := serveUsers(t, "", func(o *Options) {
		o.Classic, o.ClassicPorts = true, codec.ClassicPorts{}
	})
	b := ts.dial()
	b.command("get a")
	b.wantEOF()
	check(t, b.Close())
	ts.wantSession(1, endNoLogin)
	l := ts.classic()
	l.say("RETR a\n")
	l.wantEOF()
	ts.wantSession(2, endNoLogin)
	c := ts.greet()
	for _, command := range []string{"get a", "ls", "pwd", "abor", "cd .", "put b", "stat a"} {
		c.ask(command, 530, strings.Fields(command)[0]+": log in first")
	}
	c.ask("noop", 200, "")
	c.bye()
}

func TestUsersFileInTheRootIsRefused(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Users = filepath.Join(o.Root, "users")
	check(t, os.WriteFile(o.Users, []byte("* : - : /:r"), 0o600))
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "could read this file") {
		t.Errorf("it is accepted (%v)", err)
	}
	o.Users = filepath.Join(t.TempDir(), "users")
	check(t, os.WriteFile(o.Users, []byte("\n*"), 0o600))
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "line 2: ") {
		t.Errorf("a broken file is accepted (%v)", err)
	}
}
