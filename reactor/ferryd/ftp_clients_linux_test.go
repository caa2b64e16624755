package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ftpClient is an FTP client that others made, and what it does to a server.
type ftpClient struct {
	name string
	// needs are its programs, and commands that find out whether a library is there.
	needs []string
	run   func(*ftpScene)
	// secure is how it may be told to encrypt its connections.
	secure []ftpSecurity
}

// ftpSecurity is how a client encrypts its connections.
type ftpSecurity string

const (
	inClear ftpSecurity = ""
	// explicitTLS begins in clear and sends AUTH TLS, implicitTLS begins with TLS.
	explicitTLS ftpSecurity = "tls"
	explicit12  ftpSecurity = "tls1.2"
	implicitTLS ftpSecurity = "ftps"
)

// TestRealFTPClients runs the FTP clients that people have, where FERRY_CLIENTS is set:
//
//	FERRY_CLIENTS=installed go test ./reactor/ferryd -run RealFTPClients -v
//
// A missing one is skipped, but fails if the value is "required". With FERRY_TEST_FTP=HOST:PORT and
// FERRY_TEST_FTP_ROOT=FOLDER they meet another server, which must let anonymous write in that
// folder.
func TestRealFTPClients(t *testing.T) {
	server := ftpServer{
		address: os.Getenv("FERRY_TEST_FTP"), root: os.Getenv("FERRY_TEST_FTP_ROOT"),
	}
	if server.address == "" {
		server = startFTP(t, "--ftp-active")
	}
	for _, c := range ftpClients {
		t.Run(c.name, func(t *testing.T) { server.meet(t, c, inClear) })
	}
}

// TestRealFTPClientsOverTLS runs those that can in TLS, with a server that refuses what is not.
func TestRealFTPClientsOverTLS(t *testing.T) {
	server := startFTP(t, "--tls", "require", "--state", "state", "--ftps", "0")
	for _, c := range ftpClients {
		for _, security := range c.secure {
			t.Run(c.name+"/"+string(security), func(t *testing.T) { server.meet(t, c, security) })
		}
	}
}

// meet runs a client.
func (server *ftpServer) meet(t *testing.T, c ftpClient, security ftpSecurity) {
	for _, need := range c.needs {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", need).CombinedOutput()
		if err == nil {
			continue
		}
		if os.Getenv("FERRY_CLIENTS") == "required" {
			t.Fatalf("%s is not installed: %v\n%s", c.name, err, out)
		}
		t.Skipf("%s is not installed", c.name)
	}
	host, port, err := net.SplitHostPort(server.address)
	folder := c.name + string(security)
	s := &ftpScene{
		T: t, host: host, port: port, scheme: "ftp", security: security, folder: folder,
		disk: filepath.Join(server.root, folder), local: t.TempDir(),
		certificate: filepath.Join(filepath.Dir(server.root), "state", "cert.pem"),
	}
	s.check(err)
	if security == implicitTLS {
		s.scheme, s.port = "ftps", server.implicit
	}
	s.seed()
	c.run(s)
}

// ftpServer is an FTP server: its address, its port for implicit TLS, and the folder that it
// serves. Anonymous may do everything there.
type ftpServer struct{ address, implicit, root string }

func startFTP(t *testing.T, flags ...string) ftpServer {
	t.Helper()
	if os.Getenv("FERRY_CLIENTS") == "" {
		t.Skip("FERRY_CLIENTS is not set")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	if err := errors.Join(os.Mkdir(root, 0o777), os.Chmod(root, 0o777)); err != nil {
		t.Fatal(err)
	}
	p, err := startServer(dir, append([]string{"--", "--ftp", "0"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if status, err := p.wait(); status != 0 {
			t.Errorf("ferryd ended with status %d: %v", status, err)
		}
	})
	line, err := p.log.last("server started")
	if err != nil {
		t.Fatal(err)
	}
	return ftpServer{p.address, fmt.Sprint(line["ftps_port"]), root}
}

// ftpScene is one client's folder on the server and on this side.
type ftpScene struct {
	*testing.T
	host, port, scheme string
	security           ftpSecurity
	certificate        string
	// folder is the client's own on the server, disk is where it lies.
	folder, disk string
	local        string
}

// Names that clients have to quote, escape and convert.
const (
	hardName    = "with space žluť.bin"
	hardUpload  = "x with space žluť.bin"
	plainName   = "a.bin"
	plainUpload = "u.bin"
)

// partBytes is how much of a file is there before its transfer is resumed.
const partBytes = 100_000

// seed makes the files that clients get in disk, and those that they put in local.
func (s *ftpScene) seed() {
	s.Helper()
	s.check(os.RemoveAll(s.disk))
	for i, base := range []string{s.disk, s.local} {
		// The server may run as another user.
		s.check(os.MkdirAll(base, 0o777), os.Chmod(base, 0o777))
		names := []string{plainName, hardName}
		if base == s.local {
			names = []string{plainUpload, hardUpload}
		}
		for _, name := range names {
			s.write(filepath.Join(base, name), noise(uint64(len(name)+i), 300_001))
		}
		tree := filepath.Join(base, []string{"tree", "up"}[i])
		for n := range 200 {
			dir := tree
			switch n % 10 {
			case 1, 2:
				dir = filepath.Join(tree, fmt.Sprintf("dir %d", n%10))
			case 3:
				dir = filepath.Join(tree, "dir 3", "deep")
			}
			s.check(os.MkdirAll(dir, 0o777))
			for at := dir; at != base; at = filepath.Dir(at) {
				s.check(os.Chmod(at, 0o777))
			}
			name := fmt.Sprintf("file %03d-é.dat", n)
			s.write(filepath.Join(dir, name), noise(uint64(n+i), int64(1+n*n/5)))
		}
	}
	for _, name := range []string{"t1.txt", "t2.txt", "t3.txt"} {
		s.write(filepath.Join(s.disk, name), []byte("one\ntwo\n"+name+"\n"))
	}
	s.write(filepath.Join(s.disk, "old name"), []byte("old"))
	s.write(filepath.Join(s.disk, "gone.bin"), []byte("gone"))
	empty := filepath.Join(s.disk, "empty")
	s.check(os.Mkdir(empty, 0o777), os.Chmod(empty, 0o777))
}

func (s *ftpScene) check(errs ...error) {
	s.Helper()
	for _, err := range errs {
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s *ftpScene) write(path string, content []byte) {
	s.Helper()
	s.check(os.WriteFile(path, content, 0o666), os.Chmod(path, 0o666))
}

func (s *ftpScene) read(path string) []byte {
	s.Helper()
	b, err := os.ReadFile(path)
	s.check(err)
	return b
}

// url is the URL of a path below the client's folder, whose escapes are already there.
func (s *ftpScene) url(path string) string {
	return fmt.Sprintf("%s://%s:%s/%s/%s", s.scheme, s.host, s.port, s.folder, path)
}

// run runs a client in local and returns its output. It must end with status 0.
func (s *ftpScene) run(name string, args ...string) string {
	s.Helper()
	return s.script("", name, args...)
}

// script is run with a standard input.
func (s *ftpScene) script(input, name string, args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.local
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "HOME="+s.local, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// fromDisk and fromLocal are the content of a file of each side.
func (s *ftpScene) fromDisk(name string) []byte { return s.read(filepath.Join(s.disk, name)) }

func (s *ftpScene) fromLocal(name string) []byte { return s.read(filepath.Join(s.local, name)) }

// downloaded holds files of local against those of the server of the same names.
func (s *ftpScene) downloaded(names ...string) {
	s.Helper()
	for _, name := range names {
		if !bytes.Equal(s.fromLocal(name), s.fromDisk(name)) {
			s.Errorf("%q was downloaded with other content", name)
		}
	}
}

// uploaded does the same for what went the other way, and removes it from the server.
func (s *ftpScene) uploaded(names ...string) {
	s.Helper()
	s.downloaded(names...)
	for _, name := range names {
		s.check(os.Remove(filepath.Join(s.disk, name)))
	}
}

// partLocal leaves a part of plainName behind, whose bytes differ from the server's: they tell
// whether the transfer was resumed or began again.
func (s *ftpScene) partLocal() {
	s.Helper()
	s.write(filepath.Join(s.local, plainName), bytes.Repeat([]byte{'X'}, partBytes))
}

// partDisk does the same for the upload of plainUpload.
func (s *ftpScene) partDisk() {
	s.Helper()
	s.write(filepath.Join(s.disk, plainUpload), bytes.Repeat([]byte{'X'}, partBytes))
}

// resumed holds a file against the part and the rest of the whole. Some clients go back to the
// beginning of a block of their own.
func (s *ftpScene) resumed(got, whole []byte) {
	s.Helper()
	part := len(got) - len(bytes.TrimLeft(got, "X"))
	switch {
	case bytes.Equal(got, whole):
		s.Error("the transfer began again instead of being resumed")
	case part < partBytes/2 || !bytes.Equal(got[part:], whole[min(part, len(whole)):]):
		s.Errorf("a resumed transfer left %d bytes of other content, %d of the part",
			len(got), part)
	}
}

// resumedDown and resumedUp check a transfer after partLocal and partDisk.
func (s *ftpScene) resumedDown() {
	s.Helper()
	s.resumed(s.fromLocal(plainName), s.fromDisk(plainName))
	s.check(os.Remove(filepath.Join(s.local, plainName)))
}

func (s *ftpScene) resumedUp() {
	s.Helper()
	s.resumed(s.fromDisk(plainUpload), s.fromLocal(plainUpload))
	s.check(os.Remove(filepath.Join(s.disk, plainUpload)))
}

// exist and missing hold which names are on the server.
func (s *ftpScene) exist(names ...string) {
	s.Helper()
	for _, name := range names {
		_, err := os.Stat(filepath.Join(s.disk, name))
		s.check(err)
	}
}

func (s *ftpScene) missing(names ...string) {
	s.Helper()
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(s.disk, name)); err == nil {
			s.Errorf("%q is still there", name)
		}
	}
}

// listed holds that an output names all of the names.
func (s *ftpScene) listed(output string, names ...string) {
	s.Helper()
	for _, name := range names {
		if !strings.Contains(output, name) {
			s.Errorf("%q is not listed in\n%s", name, output)
		}
	}
}

// changed holds what rename, mkdir and delete of the names of seed leave.
func (s *ftpScene) changed() {
	s.Helper()
	s.exist("new name", "made dir")
	s.missing("old name", "gone.bin", "empty")
}

// sameTree holds a mirror against what it mirrors, paths from local and disk.
func (s *ftpScene) sameTree(local, disk string) {
	s.Helper()
	mine, theirs := s.files(filepath.Join(s.local, local)), s.files(filepath.Join(s.disk, disk))
	if len(mine) != 200 || !slices.Equal(mine, theirs) {
		s.Fatalf("%s has %d files, %s on the server has %d", local, len(mine), disk, len(theirs))
	}
	for _, path := range mine {
		here, there := filepath.Join(local, path), filepath.Join(disk, path)
		if !bytes.Equal(s.fromLocal(here), s.fromDisk(there)) {
			s.Errorf("%q has other content", path)
		}
	}
}

func (s *ftpScene) files(root string) (paths []string) {
	s.Helper()
	s.check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			path, err = filepath.Rel(root, path)
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}
