package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestReadmeShowsRealSession runs what the README's sessions show, on terminals, and compares what
// is printed there. The first session is the server's, in a folder with the folder shared; the
// others are clients', in a folder of their own. Those of the classic exchange need fixed ports,
// which may be in use here: a script plays that one on others.
func TestReadmeShowsRealSession(t *testing.T) {
	var sessions []string
	for _, block := range readmeBlocks(t, "console") {
		if strings.HasPrefix(block, "$ ferry") && !strings.Contains(block, "--classic") {
			sessions = append(sessions, block)
		}
	}
	if len(sessions) < 2 || !strings.HasPrefix(sessions[0], "$ ferryd ") {
		t.Fatalf("%d sessions, the first of which is the server's", len(sessions))
	}
	home := t.TempDir()
	for name, size := range map[string]int64{
		"shared/report.txt": 48_213, "shared/music/boat.ogg": 3_401_977,
		"shared/music/live/river.ogg": 812_004, "here/notes.txt": 1_207,
		"here/photos/sea.jpg": 90_112,
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, noise(1, size), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The README's port may be in use here.
	line, _, _ := strings.Cut(strings.TrimPrefix(sessions[0], "$ "), "\n")
	server := newTerminal(t, t.TempDir(), home, strings.Replace(line, readmePort, "0", 1))
	server.await("connect     ferry ")
	port := server.await(`connect     ferry \S+ ([0-9]+)`)[1]
	clients := 0
	for _, session := range sessions[1:] {
		clients += strings.Count("\n"+session, "\n$ ")
		got := playSession(t, filepath.Join(home, "here"), session, port)
		got = strings.ReplaceAll(got, port, readmePort)
		compareSession(t, session, got)
	}
	// What the last session leaves in the log comes before the end.
	server.await(fmt.Sprintf(`(?s)(?:session ended.*){%d}`, clients))
	server.write("\x03")
	server.end()
	got := strings.ReplaceAll(server.screen(), port, readmePort)
	got = strings.ReplaceAll(got, home, "/home/ann")
	compareSession(t, sessions[0], "$ "+line+"\n"+got)
}

// TestReadmeShowsRealFTPSession runs what the README shows with curl.
func TestReadmeShowsRealFTPSession(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	var session string
	for _, block := range readmeBlocks(t, "console") {
		if strings.HasPrefix(block, "$ curl ") {
			session = block
		}
	}
	home := t.TempDir()
	for _, folder := range []string{"root/music", "here"} {
		if err := os.MkdirAll(filepath.Join(home, folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	notes := noise(1, 1_207)
	if err := os.WriteFile(filepath.Join(home, "here/notes.txt"), notes, 0o666); err != nil {
		t.Fatal(err)
	}
	p, err := startServer(home, "--", "--ftp", "0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		p.signal(syscall.SIGTERM)
		if status, err := p.wait(); status != 0 || err != nil {
			t.Errorf("the server ended with %d, %v", status, err)
		}
	}()
	_, port, _ := strings.Cut(p.address, ":")
	got := playSession(t, filepath.Join(home, "here"), session, port)
	compareSession(t, session, strings.ReplaceAll(got, port, readmePort))
	copied, err := os.ReadFile(filepath.Join(home, "here/copy.txt"))
	if err != nil || !bytes.Equal(copied, notes) {
		t.Errorf("the copy has %d bytes: %v", len(copied), err)
	}
}

// readmePort is the port of the README's sessions.
const readmePort = "2121"

// readmeBlocks are the README's blocks of a kind.
func readmeBlocks(t *testing.T, kind string) (blocks []string) {
	t.Helper()
	re := regexp.MustCompile("(?sm)^```" + kind + "\n(.*?)^```$")
	for _, m := range re.FindAllStringSubmatch(readme(t), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// playSession runs a session's commands, types what is typed at prompts there, and returns what the
// terminal shows.
func playSession(t *testing.T, dir, session, port string) string {
	var all strings.Builder
	home := t.TempDir()
	commands := regexp.MustCompile(`(?m)^\$ .*\n`).FindAllStringIndex(session, -1)
	for i, at := range commands {
		until := len(session)
		if i+1 < len(commands) {
			until = commands[i+1][0]
		}
		line := session[at[0]+2 : at[1]]
		term := newTerminal(t, home, dir, strings.Replace(line, readmePort, port, 1))
		typed := regexp.MustCompile(`(?m)^ftp> (.*)$`)
		for n, m := range typed.FindAllStringSubmatch(session[at[1]:until], -1) {
			term.awaitScreen(fmt.Sprintf(`\A(?s:.*?)(?:(?m:^)ftp> (?s:.*?)){%d}\z`, n+1))
			term.write(m[1] + "\n")
		}
		term.end()
		all.WriteString("$ " + line + term.screen())
	}
	return all.String()
}

// compareSession compares what stands in the README with what was printed. Times, addresses and
// ports differ from run to run; a line of three dots stands for any lines.
func compareSession(t *testing.T, want, got string) {
	t.Helper()
	pattern := regexp.QuoteMeta(masked(want))
	pattern = strings.ReplaceAll(pattern, `\.\.\.`+"\n", `(?:.*\n)*?`)
	if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(masked(got)) {
		t.Errorf("the README shows\n%s\nand the terminal showed\n%s", want, got)
	}
}

// masks take out what differs from run to run.
var masks = []*regexp.Regexp{
	regexp.MustCompile(`()\x1b\[[0-9;]*m`),

	regexp.MustCompile(`(in )[0-9.]+ s \([^)]*/s\)`),
	regexp.MustCompile(`(data ports  )[0-9,-]+`),
	regexp.MustCompile(`(connect     ferry )\S+`),
	regexp.MustCompile(`(connected to )[^;]+`),
	regexp.MustCompile(`(on all addresses, IPv4)(?: and IPv6| only)`),
	regexp.MustCompile(`(?m)^((?:\^C)?)[0-9-]{10} [0-9:]{8} `),
	regexp.MustCompile(`((?:peer|seconds)=)\S+`),
	regexp.MustCompile(`( )[A-Z][a-z]{2} [ 0-9]{2} [0-9]{2}:[0-9]{2} `),
}

func masked(text string) string {
	for _, re := range masks {
		text = re.ReplaceAllString(text, "$1")
	}
	return text
}
