package main

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

func withTnftp(s *ftpScene) {
	s.interactive("tnftp", "-n", "-i", "-V", s.host, s.port)
}

func withInetutils(s *ftpScene) {
	s.interactive("inetutils-ftp", "-n", "-i", "-p", s.host, s.port)
}

// interactive drives a client of BSD's command language. Its status says nothing: the files do.
func (s *ftpScene) interactive(name string, args ...string) {
	s.Helper()
	bsd := func(lines ...string) string {
		begin := []string{"user anonymous x", "cd " + s.folder, "binary"}
		return s.script(strings.Join(append(begin, lines...), "\n")+"\nquit\n", name, args...)
	}
	names := []string{plainName, hardName, "tree"}
	s.listed(bsd("pwd", "ls", "dir"), names...)
	s.listed(bsd("nlist"), names...)
	bsd("get "+plainName, `get "`+hardName+`"`, "mget *.txt")
	s.downloaded(plainName, hardName, "t1.txt", "t2.txt", "t3.txt")
	s.check(os.Remove(filepath.Join(s.local, plainName)))
	s.partLocal()
	bsd("reget " + plainName)
	s.resumedDown()
	bsd("put "+plainUpload, `put "`+hardUpload+`"`)
	s.uploaded(plainUpload, hardUpload)
	s.partDisk()
	s.write(filepath.Join(s.local, "rest"), s.fromLocal(plainUpload)[partBytes:])
	bsd("append rest " + plainUpload)
	s.resumedUp()
	s.write(filepath.Join(s.local, "lf.txt"), []byte("one\ntwo\n"))
	bsd("ascii", "put lf.txt", "get t1.txt ascii.txt")
	s.uploaded("lf.txt")
	s.storedAs("t1.txt", "ascii.txt")
	bsd(`rename "old name" "new name"`, `mkdir "made dir"`, "delete gone.bin", "rmdir empty",
		"size "+plainName, "modtime "+plainName, "system", "status")
	s.changed()
}

func withFtplib(s *ftpScene) {
	s.program("python3", "python_ftplib.py")
}

func withNetFTP(s *ftpScene) {
	s.program("perl", "netftp.pl")
}

func withBasicFTP(s *ftpScene) {
	s.program("node", "basicftp.js")
	s.sameTree("tree", "tree")
	s.sameTree("up", "up")
}

// program runs a program of testdata and checks what each of them leaves behind. They check
// listings and sizes themselves.
func (s *ftpScene) program(interpreter, name string) {
	s.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "ftp", name))
	s.check(err)
	s.run(interpreter, path, s.host, s.port, s.folder, string(s.security))
	s.downloaded(hardName)
	s.resumedDown()
	s.resumedUp()
	s.uploaded(hardUpload)
	s.changed()
}

func withRclone(s *ftpScene) {
	password := strings.TrimSpace(s.run("rclone", "obscure", "x"))
	encrypt := map[ftpSecurity]string{
		explicitTLS: ",explicit_tls=true,no_check_certificate=true",
		implicitTLS: ",tls=true,no_check_certificate=true",
	}[s.security]
	remote := ":ftp,host=" + s.host + ",port=" + s.port + ",user=anonymous,pass=" + password +
		encrypt + ":" + s.folder
	config := filepath.Join(s.local, "rclone.conf")
	s.write(config, nil)
	rclone := func(args ...string) string {
		return s.run("rclone", append([]string{"--config", config, "--retries", "1"}, args...)...)
	}
	s.listed(rclone("lsf", remote), plainName, hardName, "tree/")
	rclone("copyto", remote+"/"+hardName, hardName)
	s.downloaded(hardName)
	rclone("copyto", hardUpload, remote+"/"+hardUpload)
	s.uploaded(hardUpload)
	rclone("sync", remote+"/tree", "tree")
	s.sameTree("tree", "tree")
	rclone("sync", "up", remote+"/up")
	s.sameTree("up", "up")
	rclone("check", "--download", "up", remote+"/up")
	if got := rclone("cat", "--offset", "5", "--count", "5", remote+"/"+plainName); got !=
		string(s.fromDisk(plainName)[5:10]) {
		s.Errorf("cat has %q", got)
	}
	s.script("from standard input", "rclone", "--config", config, "rcat", remote+"/rcat.txt")
	if got := s.fromDisk("rcat.txt"); string(got) != "from standard input" {
		s.Errorf("rcat stored %q", got)
	}
	rclone("touch", remote+"/touched")
	s.exist("touched")
	rclone("moveto", remote+"/old name", remote+"/new name")
	rclone("mkdir", remote+"/made dir")
	rclone("deletefile", remote+"/gone.bin")
	rclone("rmdir", remote+"/empty")
	s.changed()
	rclone("purge", remote+"/up")
	s.missing("up")
	s.mount(config, remote)
}

// mount reads and writes through rclone's file system, where the machine has FUSE.
func (s *ftpScene) mount(config, remote string) {
	s.Helper()
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		s.Logf("no mount: %v", err)
		return
	}
	s.check(fuse.Close())
	if err := exec.CommandContext(s.Context(), "fusermount3", "-V").Run(); err != nil {
		s.Logf("no mount: fusermount3: %v", err)
		return
	}
	point := filepath.Join(s.local, "mounted")
	s.check(os.Mkdir(point, 0o777))
	s.run("rclone", "--config", config, "mount", "--daemon", "--vfs-cache-mode", "writes",
		"--cache-dir", filepath.Join(s.local, "cache"), remote, point)
	defer s.run("fusermount3", "-u", point)
	if got := s.read(filepath.Join(point, plainName)); !bytes.Equal(got, s.fromDisk(plainName)) {
		s.Error("a mounted file has other content")
	}
	entries, err := os.ReadDir(filepath.Join(point, "tree"))
	s.check(err)
	if want, err := os.ReadDir(filepath.Join(s.disk, "tree")); err != nil ||
		len(entries) != len(want) {
		s.Errorf("a mounted folder has %d entries, %v", len(entries), err)
	}
}

func withAria2(s *ftpScene) {
	// aria2 misses a 226 that comes in one read with the 150, and waits until its timeout for it.
	aria2 := func(args ...string) {
		s.Helper()
		s.run("aria2c", append([]string{
			"-q", "--no-conf", "--max-tries=1", "--timeout=10", "--log=log", "--log-level=info",
		}, args...)...)
		if strings.Contains(string(s.fromLocal("log")), "Timeout before receiving") {
			s.Error("aria2 did not see the end of the transfer")
		}
		s.check(os.Remove(filepath.Join(s.local, "log")))
	}
	aria2("-Z", s.url(plainName), s.url(hardEscaped))
	s.downloaded(plainName, hardName)
	s.check(os.Remove(filepath.Join(s.local, plainName)))
	aria2("-s4", "-x4", "-k1M", "--min-split-size=1M", "-o", "split", s.url(plainName))
	s.storedAs(plainName, "split")
	s.partLocal()
	aria2("-c", s.url(plainName))
	s.resumedDown()
}

func withWput(s *ftpScene) {
	wput := func(args ...string) { s.run("wput", append([]string{"-nv", "-t", "1"}, args...)...) }
	wput(plainUpload, s.url(plainUpload))
	wput(hardUpload, s.url(hardUploadEscaped))
	s.uploaded(plainUpload, hardUpload)
	s.partDisk()
	wput(plainUpload, s.url(plainUpload))
	s.resumedUp()
	wput("up", s.url(""))
	s.sameTree("up", "up")
}

func withFtpcopy(s *ftpScene) {
	server := net.JoinHostPort(s.host, s.port)
	s.listed(s.run("ftpls", server, "/"+s.folder), plainName, hardName, "tree")
	s.run("ftpcopy", "-l", "2", server, "/"+s.folder+"/tree", "tree")
	s.sameTree("tree", "tree")
	s.run("ftpcopy", "-l", "2", "--mdtm", server, "/"+s.folder, "all")
	s.storedAs(hardName, filepath.Join("all", hardName))
}

func withBusybox(s *ftpScene) {
	login := []string{"-u", "anonymous", "-p", "x", "-P", s.port}
	at := "/" + s.folder + "/"
	busybox := func(applet string, args ...string) {
		s.run("busybox", append(append([]string{applet}, login...), args...)...)
	}
	busybox("ftpget", s.host, plainName, at+plainName)
	busybox("ftpget", s.host, hardName, at+hardName)
	s.downloaded(plainName, hardName)
	s.check(os.Remove(filepath.Join(s.local, plainName)))
	s.partLocal()
	busybox("ftpget", "-c", s.host, plainName, at+plainName)
	s.resumedDown()
	busybox("ftpput", s.host, at+plainUpload, plainUpload)
	busybox("ftpput", s.host, at+hardUpload, hardUpload)
	s.uploaded(plainUpload, hardUpload)
	s.run("busybox", "wget", "-q", s.url("t1.txt"))
	s.downloaded("t1.txt")
}

// dialJlaffaye connects as the scene's security asks.
func dialJlaffaye(s *ftpScene) *ftp.ServerConn {
	config := &tls.Config{InsecureSkipVerify: true}
	if s.security == explicit12 {
		config.MaxVersion = tls.VersionTLS12
	}
	options := []ftp.DialOption{ftp.DialWithTimeout(time.Minute)}
	switch s.security {
	case explicitTLS, explicit12:
		options = append(options, ftp.DialWithExplicitTLS(config))
	case implicitTLS:
		options = append(options, ftp.DialWithTLS(config))
	case inClear:
	}
	c, err := ftp.Dial(net.JoinHostPort(s.host, s.port), options...)
	s.check(err)
	return c
}

func withJlaffaye(s *ftpScene) {
	c := dialJlaffaye(s)
	defer c.Quit()
	s.check(c.Login("anonymous", "x"), c.ChangeDir(s.folder))
	entries, err := c.List("")
	s.check(err)
	entries = slices.DeleteFunc(entries, func(e *ftp.Entry) bool {
		return e.Name == "." || e.Name == ".."
	})
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(s.disk, e.Name))
		s.check(err)
		if folder := e.Type == ftp.EntryTypeFolder; folder != info.IsDir() ||
			!folder && e.Size != uint64(info.Size()) {
			s.Errorf("%q is listed as %v of %d bytes", e.Name, e.Type, e.Size)
		}
	}
	here, err := os.ReadDir(s.disk)
	s.check(err)
	names, err := c.NameList("")
	s.check(err)
	if len(entries) != len(here) || len(names) != len(here) {
		s.Errorf("%d and %d entries are listed, %d are there", len(entries), len(names), len(here))
	}
	get := func(name string, offset uint64) []byte {
		r, err := c.RetrFrom(name, offset)
		s.check(err)
		b, err := io.ReadAll(r)
		s.check(err, r.Close())
		return b
	}
	if !bytes.Equal(get(hardName, 0), s.fromDisk(hardName)) ||
		!bytes.Equal(get(plainName, partBytes), s.fromDisk(plainName)[partBytes:]) {
		s.Error("a file was downloaded with other content")
	}
	size, err := c.FileSize(plainName)
	s.check(err)
	if size != int64(len(s.fromDisk(plainName))) {
		s.Errorf("the size is %d", size)
	}
	s.check(c.Stor(hardUpload, bytes.NewReader(s.fromLocal(hardUpload))))
	if c.IsSetTimeSupported() {
		at := time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC)
		s.check(c.SetTime(hardUpload, at))
		info, err := os.Stat(filepath.Join(s.disk, hardUpload))
		s.check(err)
		if !info.ModTime().Equal(at) {
			s.Errorf("the time is %v", info.ModTime())
		}
	}
	s.uploaded(hardUpload)
	rest := s.fromLocal(plainUpload)[partBytes:]
	s.partDisk()
	s.check(c.StorFrom(plainUpload, bytes.NewReader(rest), partBytes))
	s.resumedUp()
	s.partDisk()
	s.check(c.Append(plainUpload, bytes.NewReader(rest)))
	s.resumedUp()
	s.check(c.Rename("old name", "new name"), c.MakeDir("made dir"), c.Delete("gone.bin"),
		c.RemoveDir("empty"), c.NoOp())
	s.changed()
	s.check(c.RemoveDirRecur("tree"))
	s.missing("tree")
}
