package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsShowRealSessions plays the sessions that documents show on terminals, and compares
// what is printed there. What a section shows belongs together: a block that starts ferryd is a
// server until the section ends. Blocks before it are played in the server's folder, those after it
// in a client's, which is here.
func TestDocumentsShowRealSessions(t *testing.T) {
	sections := 0
	for _, name := range documents {
		for _, section := range regexp.MustCompile(`(?m)^#`).Split(document(t, name), -1) {
			blocks := codeBlocks(section, "console")
			if len(blocks) == 0 {
				continue
			}
			sections++
			title, _, _ := strings.Cut(strings.TrimLeft(section, "# "), "\n")
			t.Run(title, func(t *testing.T) { playSection(t, blocks) })
		}
	}
	if sections < 5 {
		t.Errorf("found %d sections with sessions", sections)
	}
}

// startsServer recognizes a command that runs until it is interrupted.
var startsServer = regexp.MustCompile(`\A\$ (ferryd (?:\d|-).*)\n`)

func playSection(t *testing.T, blocks []string) {
	home := newHome(t)
	dir := home
	var p shownPorts
	var end func()
	clients := 0
	for _, block := range blocks {
		if strings.HasPrefix(block, "$ curl ") {
			if _, err := exec.LookPath("curl"); err != nil {
				t.Log("curl is not installed")
				continue
			}
		}
		if m := startsServer.FindStringSubmatch(block); m != nil {
			server := newTerminal(t, home, home, p.free(m[1]))
			p.given = server.await(`where       port (\d+)(?:[^,\n]*, and (\d+))?`)[1:]
			server.await(`connect     .*\n`)
			dir, clients = filepath.Join(home, "here"), 0
			end = func() {
				// What the last client leaves in the log comes before the end.
				server.await(fmt.Sprintf(`(?s)(?:session ended.*){%d}`, clients))
				server.write("\x03")
				server.end()
				compareSession(t, block, home, "$ "+m[1]+"\n"+p.shown(server.screen()))
			}
			continue
		}
		clients += strings.Count("\n"+block, "\n$ ")
		compareSession(t, block, home, p.shown(playSession(t, home, dir, block, &p)))
	}
	if end != nil {
		end()
	}
}

// newHome makes the folders that the sessions are about.
func newHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, size := range map[string]int64{
		"shared/report.txt": 48_213, "shared/music/boat.ogg": 3_401_977,
		"shared/music/live/river.ogg": 812_004, "here/notes.txt": 1_207,
		"here/photos/sea.jpg": 90_112, "inbox/": 0,
	} {
		path := filepath.Join(home, name)
		folder := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			folder = path
		}
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		if folder == path {
			continue
		}
		if err := os.WriteFile(path, noise(1, size), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// shownPorts are the ports that the documents show, which may be in use here, and those that the
// server has instead.
type shownPorts struct{ asked, given []string }

var shownPort = regexp.MustCompile(`\b212[12]\b`)

// free returns a command with free ports in place of those of the documents.
func (p *shownPorts) free(line string) string {
	p.asked = shownPort.FindAllString(line, -1)
	return shownPort.ReplaceAllString(line, "0")
}

func (p *shownPorts) swap(text string, from, to []string) string {
	for i := range p.asked {
		text = strings.ReplaceAll(text, from[i], to[i])
	}
	return text
}

// typed is a client's line with the server's ports; shown is what it printed with the documents'.
func (p *shownPorts) typed(line string) string { return p.swap(line, p.asked, p.given) }
func (p *shownPorts) shown(text string) string { return p.swap(text, p.given, p.asked) }

// playSession runs a session's commands, types what is typed at prompts there, and returns what the
// terminal shows. Passwords, which do not show, are "secret".
func playSession(t *testing.T, home, dir, session string, p *shownPorts) string {
	const prompt = `(?m:^)(?:ftp> |Password: |Again: |password of .*: |.*\[y/N\] )`
	typed := regexp.MustCompile(prompt + `(.*)`)
	var all strings.Builder
	commands := regexp.MustCompile(`(?m)^\$ .*\n`).FindAllStringIndex(session, -1)
	for i, at := range commands {
		until := len(session)
		if i+1 < len(commands) {
			until = commands[i+1][0]
		}
		line := session[at[0]+2 : at[1]]
		term := newTerminal(t, home, dir, p.typed(line))
		for n, m := range typed.FindAllStringSubmatch(session[at[1]:until], -1) {
			term.awaitScreen(fmt.Sprintf(`\A(?s:.*?)(?:%s(?s:.*?)){%d}\z`, prompt, n+1))
			term.write(cmp.Or(m[1], "secret") + "\n")
		}
		term.end()
		all.WriteString("$ " + line + term.screen())
	}
	return all.String()
}

// compareSession compares what a document shows with what was printed. Times, addresses and ports
// differ from run to run; a line of three dots stands for any lines.
func compareSession(t *testing.T, want, home, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, home, "/home/ann")
	pattern := regexp.QuoteMeta(masked(want))
	pattern = strings.ReplaceAll(pattern, `\.\.\.`+"\n", `(?:.*\n)*?`)
	if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(masked(got)) {
		t.Errorf("the document shows\n%s\nand the terminal showed\n%s", want, got)
	}
}

// masks take out what differs from run to run.
var masks = []*regexp.Regexp{
	regexp.MustCompile(`()\x1b\[[0-9;]*m`),

	regexp.MustCompile(`(in )[0-9.]+ s \([^)]*/s\)`),
	regexp.MustCompile(`(data ports  )[0-9,-]+`),
	regexp.MustCompile(`(connect     ferry (?:--tls NAME@)?)\S+`),
	regexp.MustCompile(`(connected to )[^;]+`),
	regexp.MustCompile(`(\b)[0-9a-f]{64}\b`),
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
