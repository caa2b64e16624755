package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newSecured is newPrompted with a server that has TLS and the user ann, whose password is pencil.
// ferry is not started yet.
func newSecured(t *testing.T, flags ...string) (*prompted, *process) {
	t.Helper()
	lookAtSources(t)
	scratch := t.TempDir()
	if err := os.MkdirAll(filepath.Join(scratch, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "ferryd", "user", "add", "ann", "--users", "users")
	c.Dir, c.Stdin = scratch, strings.NewReader("pencil\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server, err := startServer(scratch, append([]string{
		"--users", "users", "--tls", "require", "--state", "state",
	}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.signal(unix.SIGTERM)
		if status, err := server.wait(); status != 0 {
			t.Errorf("ferryd ended with status %d: %v", status, err)
		}
	})
	_, port, _ := strings.Cut(server.address, ":")
	return &prompted{
		home: t.TempDir(), dir: t.TempDir(), port: port, root: filepath.Join(scratch, "root"),
	}, server
}

// starts runs ferry with an address before the port.
func (p *prompted) starts(t *testing.T, address string) {
	p.terminal = newTerminal(t, p.home, p.dir, "exec ferry --tls "+address+" "+p.port)
}

// status is that of a program that has ended.
func (p *prompted) status() int {
	p.end()
	return p.cmd.ProcessState.ExitCode()
}

const trustQuestion = `(?s)127.0.0.1:\d+ is not known here .*SHA-256\n  [0-9a-f]{64}\n.*\[y/N\] `

// A server that is not known is asked about, a password is asked for, and neither shows. What was
// answered is kept of the server, and not of the password.
func TestTerminalAsksForTrustAndPassword(t *testing.T) {
	p, server := newSecured(t, "--idle-timeout", "3s")
	known := filepath.Join(p.home, ".config", "ferry", "known_hosts")
	for _, answer := range []string{"\r", "no\r", "\x03"} {
		p.starts(t, "ann@127.0.0.1")
		p.types("", trustQuestion)
		p.write(answer)
		want := 3
		if answer == "\x03" {
			want = 130
		}
		if status := p.status(); status != want {
			t.Errorf("%q ended with status %d", answer, status)
		}
		if _, err := os.Stat(known); err == nil {
			t.Fatalf("%q is kept as trust", answer)
		}
	}
	p.starts(t, "ann@127.0.0.1")
	p.types("", trustQuestion)
	p.types("y\r", `\npassword of ann@127.0.0.1:\d+: `)
	p.types("pencil\r", `connected to .*\nftp> `)
	if strings.Contains(p.log.text(), "pencil") {
		t.Error("the password shows")
	}
	if text, err := os.ReadFile(known); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%q, %v", text, err)
	}
	// The server ends an idle session. The command after that logs in again by itself.
	if err := server.log.await(func(line string) bool {
		return strings.Contains(line, `"reason":"idle"`)
	}); err != nil {
		t.Fatal(err)
	}
	p.types("ls\r", `connection lost: idle; the next command reconnects\nftp> `)
	p.types("mkdir a\r", `reconnected to .*\nmade a\nftp> `)
	p.types("\x04", `\n`)
	if status := p.status(); status != 0 {
		t.Errorf("status %d", status)
	}
	// Every session of a batch logs in, and nobody is asked again.
	for _, name := range []string{"b/1", "b/2", "b/3"} {
		path := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p.starts(t, "--parallel 3 ann@127.0.0.1")
	p.types("", `\Apassword of ann@127.0.0.1:\d+: `)
	p.types("pencil\r", `connected to .*\nftp> `)
	p.types("put -r b\r", `\n3 files, .*\nftp> `)
	p.types("\x04", `\n`)
	p.end()
	for _, folder := range []string{p.home, p.dir} {
		out, _ := exec.CommandContext(t.Context(), "grep", "-r", "pencil", folder).Output()
		if len(out) > 0 {
			t.Errorf("the password is kept: %s", out)
		}
	}
}

// A wrong password is asked for again, three times in all; another command is no trouble then.
func TestTerminalAsksThreeTimesForPassword(t *testing.T) {
	p, _ := newSecured(t)
	p.starts(t, "127.0.0.1")
	p.types("", trustQuestion)
	p.types("yes\r", `connected to .*\nftp> `)
	p.types("ls\r", `ls: log in first\nftp> `)
	question := `password of ann@127.0.0.1:\d+: `
	p.types("open ann@127.0.0.1 "+p.port+"\r", `\n`+question)
	p.types("pen\r", `\nann@127.0.0.1:\d+: login failed: wrong name or password\n`+question)
	p.types("crayon\r", `(?:`+question+`\n.*password\n){2}`+question)
	p.types("brush\r", `wrong name or password\nftp> `)
	p.types("open ann@127.0.0.1 "+p.port+"\r", `\n`+question)
	p.types("\x03", `interrupted\nftp> `)
	p.types("pwd\r", `/ on 127.0.0.1:\d+\nftp> `)
	p.types("\x04", `\n`)
	p.end()
}
