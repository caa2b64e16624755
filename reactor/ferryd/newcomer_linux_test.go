package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// brokenSize is the size of files whose transfer is broken off: more than moves in the instant that
// it takes to see that it has begun.
const brokenSize = 300 << 20

// TestNewcomerFindsTheWay does what somebody does who has nothing but help: connect, look around,
// fetch a folder, break a fetch off and resume it, send a folder, leave.
func TestNewcomerFindsTheWay(t *testing.T) {
	p := newPrompted(t, map[string]string{
		"music/boat.ogg": "boat", "music/live/river.ogg": "river", "report.txt": "report",
	})
	p.types("\x04", `\n`)
	p.end()
	if err := os.Truncate(filepath.Join(p.root, "report.txt"), brokenSize); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"photos/sea.jpg", "photos/2024/lake.jpg"} {
		path := filepath.Join(p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p.terminal = newTerminal(t, p.home, p.dir, "exec ferry")
	p.awaitScreen(`\Anot connected; open HOST PORT connects, help lists the commands\nftp> \z`)
	p.types("ls\r", `not connected: open HOST PORT first\nftp> `)
	p.types("help\r", `(?s)open \[HOST PORT\] .*First: open HOST PORT, ls, get NAME or .*ftp> `)
	p.types("open 127.0.0.1 "+p.port+"\r", `connected to 127.*\nftp> `)
	p.types("ls\r", `music/\nreport.txt\nftp> `)
	p.types("get music\r", `music: a folder; get -r fetches it, ls lists it\nftp> `)
	p.types("get -r mu\t\r",
		`(?s)got music/boat.ogg: .*got music/live/river.ogg: .*2 files, .*ftp> `)
	p.write("get report.txt\r")
	awaitPart(t, p.dir)
	p.types("\x03", `report.txt: interrupted; [0-9.]+ MB kept; get -c resumes\nftp> `)
	p.types("kept\r", `report.txt: [0-9.]+ MB of 315 MB, of /report.txt on 127.*, 20.*\nftp> `)
	p.types("get -c report.txt\r",
		`got report.txt: 314,572,800 bytes \([0-9,]+ were there\) in .*\nftp> `)
	p.types("get -c report.txt\r",
		`report.txt: 314,572,800 bytes, here already, with the same checksum; nothing .*\nftp> `)
	p.types("kept\r", `no partial downloads there\nftp> `)
	p.types("pwd\r", `/ on 127.0.0.1:`+p.port+`\nftp> `)
	p.types("put photos\r", `put -r stores a folder\nftp> `)
	p.types("put -r photos\r", `(?s)made photos\nmade photos/2024\n.*2 files, .*\nftp> `)
	p.types("ls photos\r", `2024/\nsea.jpg\nftp> `)
	p.types("quit\r", `ftp> quit\n`)
	p.end()
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("status %d", status)
	}
	left, err := filepath.Glob(filepath.Join(p.dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("hidden files are left: %q, %v", left, err)
	}
	for _, name := range []string{"music/live/river.ogg", "photos/2024/lake.jpg", "report.txt"} {
		here, there := filepath.Join(p.dir, name), filepath.Join(p.root, name)
		if out, err := exec.Command("cmp", here, there).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// awaitPart waits until a transfer has some bytes in a hidden file of a folder. A server's is in a
// hidden folder there.
func awaitPart(t *testing.T, folder string) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		paths, _ := filepath.Glob(filepath.Join(folder, ".ferry*"))
		within, _ := filepath.Glob(filepath.Join(folder, ".ferry*", "*"))
		paths = append(paths, within...)
		for _, path := range paths {
			info, err := os.Stat(path)
			if err == nil && info.Mode().IsRegular() && info.Size() > 1<<20 {
				return
			}
		}
		select {
		case <-look.C:
		case <-limit.C:
			t.Fatalf("no transfer began within %v: %q", patience, paths)
		}
	}
}

// TestBrokenPutGoesOn interrupts a put, and has another run of ferry go on with it.
func TestBrokenPutGoesOn(t *testing.T) {
	lookAtSources(t)
	scratch := t.TempDir()
	root, dir := filepath.Join(scratch, "root"), filepath.Join(scratch, "dir")
	for _, folder := range []string{root, dir} {
		if err := os.Mkdir(folder, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "big")
	if err := os.WriteFile(file, noise(1, 1<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, brokenSize); err != nil {
		t.Fatal(err)
	}
	server, err := startServer(scratch)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.signal(unix.SIGTERM)
		if status, err := server.wait(); status != 0 {
			t.Errorf("ferryd ended with status %d: %v", status, err)
		}
	}()
	_, port, _ := net.SplitHostPort(server.address)
	home := t.TempDir()
	ferry := func(args ...string) *exec.Cmd {
		cmd := exec.Command("ferry", append([]string{"127.0.0.1", port}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=")
		return cmd
	}
	var said strings.Builder
	cmd := ferry("put", "big")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitPart(t, root)
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	kept := regexp.MustCompile(`^big: interrupted; [0-9.]+ MB sent; ` +
		`the server kept what it received; put -c resumes\n$`)
	if status := cmd.ProcessState.ExitCode(); status != 130 || !kept.MatchString(said.String()) {
		t.Fatalf("status %d: %s", status, said.String())
	}
	out, err := ferry("put", "-c", "big").CombinedOutput()
	stored := fmt.Sprintf(`^stored big: %s bytes \([0-9,]+ were there\) in `, "314,572,800")
	if err != nil || !regexp.MustCompile(stored).Match(out) {
		t.Fatalf("%v: %s", err, out)
	}
	out, err = exec.Command("cmp", file, filepath.Join(root, "big")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
