package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// has is the command that finds a program.
func has(program string) string { return "command -v " + program }

var ftpClients = []ftpClient{
	{"curl", []string{has("curl")}, withCurl, everyTLS},
	{"wget", []string{has("wget")}, withWget, []ftpSecurity{explicitTLS, implicitTLS}},
	{"lftp", []string{has("lftp")}, withLftp, everyTLS},
	{
		"ncftp",
		[]string{has("ncftp"), has("ncftpget"), has("ncftpput"), has("ncftpls")},
		withNcftp, nil,
	},
	{"tnftp", []string{has("tnftp")}, withTnftp, nil},
	{"inetutils", []string{has("inetutils-ftp")}, withInetutils, nil},
	{"ftplib", []string{has("python3")}, withFtplib, []ftpSecurity{explicitTLS, explicit12}},
	{"netftp", []string{"perl -MNet::FTP -MIO::Socket::SSL -e 1"}, withNetFTP, everyTLS},
	{"rclone", []string{has("rclone")}, withRclone, []ftpSecurity{explicitTLS, implicitTLS}},
	{"aria2", []string{has("aria2c")}, withAria2, nil},
	{"wput", []string{has("wput")}, withWput, nil},
	{"ftpcopy", []string{has("ftpcopy"), has("ftpls")}, withFtpcopy, nil},
	{"busybox", []string{"busybox ftpget --help", "busybox ftpput --help"}, withBusybox, nil},
	{"jlaffaye", nil, withJlaffaye, everyTLS},
	{"basicftp", []string{"node -e 'require(\"basic-ftp\")'"}, withBasicFTP, everyTLS},
}

var everyTLS = []ftpSecurity{explicitTLS, explicit12, implicitTLS}

const (
	hardEscaped       = "with%20space%20%C5%BElu%C5%A5.bin"
	hardUploadEscaped = "x%20with%20space%20%C5%BElu%C5%A5.bin"
)

func withCurl(s *ftpScene) {
	options := map[ftpSecurity][]string{
		inClear: {"-sS"}, explicitTLS: {"-sS", "-k", "--ssl-reqd"}, implicitTLS: {"-sS", "-k"},
		explicit12: {"-sS", "-k", "--ssl-reqd", "--tls-max", "1.2"},
	}[s.security]
	curl := func(args ...string) string {
		return s.run("curl", append(slices.Clip(options), args...)...)
	}
	names := []string{plainName, hardName, "t1.txt", "tree"}
	s.listed(curl(s.url("")), names...)
	s.listed(curl("-l", s.url("")), names...)
	s.listed(curl("-l", "--disable-epsv", s.url("")), names...)
	s.listed(curl("-X", "MLSD", s.url("")), names...)
	if out := curl(s.url("empty/")); out != "" {
		s.Errorf("an empty folder has %q", out)
	}
	curl("-o", plainName, s.url(plainName), "-o", hardName, s.url(hardEscaped))
	s.downloaded(plainName, hardName)
	s.check(os.Remove(filepath.Join(s.local, plainName)))
	s.partLocal()
	curl("-C", "-", "-o", plainName, s.url(plainName))
	s.resumedDown()
	if s.security == inClear { // before 8.0, curl fails at active mode in TLS (issue 10666)
		curl("-P", "-", "-o", plainName, s.url(plainName))
		s.downloaded(plainName)
		curl("-P", "-", "--disable-eprt", "-o", plainName, s.url(plainName))
		s.downloaded(plainName)
	}
	curl("-r", "5-9", "-o", "range", s.url(plainName))
	if string(s.fromLocal("range")) != string(s.fromDisk(plainName)[5:10]) {
		s.Errorf("a range has %q", s.fromLocal("range"))
	}
	curl("-o", "t1.txt", s.url("t1.txt;type=a"))
	s.downloaded("t1.txt")
	curl("-T", plainUpload, s.url(plainUpload), "-T", hardUpload, s.url(hardUploadEscaped))
	s.uploaded(plainUpload, hardUpload)
	s.partDisk()
	curl("-C", "-", "-T", plainUpload, s.url(plainUpload))
	s.resumedUp()
	s.write(filepath.Join(s.local, "lf.txt"), []byte("one\ntwo\n"))
	curl("-T", "lf.txt", s.url("lf.txt;type=a"))
	s.uploaded("lf.txt")
	curl("--ftp-create-dirs", "-T", plainUpload, s.url("new/deep/"))
	s.storedAs("new/deep/"+plainUpload, plainUpload)
	curl("-I", s.url(plainName))
	at := "/" + s.folder + "/"
	curl("-Q", "RNFR "+at+"old name", "-Q", "RNTO "+at+"new name", "-Q", "MKD "+at+"made dir",
		"-Q", "DELE "+at+"gone.bin", "-Q", "RMD "+at+"empty", "-o", os.DevNull, s.url(""))
	s.changed()
}

// storedAs holds a file of the server against one of local that has another name.
func (s *ftpScene) storedAs(disk, local string) {
	s.Helper()
	if string(s.fromDisk(disk)) != string(s.fromLocal(local)) {
		s.Errorf("%q has other content than %q", disk, local)
	}
}

func withWget(s *ftpScene) {
	options := map[ftpSecurity][]string{
		inClear: {"-nv", "-t", "1"}, explicitTLS: {"-nv", "-t", "1", "--no-check-certificate"},
		implicitTLS: {"-nv", "-t", "1", "--no-check-certificate", "--ftps-implicit"},
	}[s.security]
	if s.security == explicitTLS {
		s.scheme = "ftps" // which wget means by that
	}
	wget := func(args ...string) { s.run("wget", append(slices.Clip(options), args...)...) }
	wget(s.url(plainName), s.url(hardEscaped))
	s.downloaded(plainName, hardName)
	s.check(os.Remove(filepath.Join(s.local, plainName)))
	s.partLocal()
	wget("-c", s.url(plainName))
	s.resumedDown()
	wget(s.url("*.txt"))
	s.downloaded("t1.txt", "t2.txt", "t3.txt")
	wget("-r", "-l", "inf", "-N", "-nH", "--cut-dirs=1", "-np", s.url("tree/"))
	s.sameTree("tree", "tree")
	if s.security == inClear {
		wget("--no-passive-ftp", "-O", "active", s.url(plainName))
		s.storedAs(plainName, "active")
	}
	wget("-O", "listing", s.url(""))
	s.listed(string(s.fromLocal("listing")), plainName, "tree")
}

func withLftp(s *ftpScene) {
	// Without a file of its own it reads all of the system's certificates for each connection.
	const secure = "set ssl:verify-certificate no; set ftp:ssl-force yes; " +
		"set ftp:ssl-protect-data yes; set ssl:ca-file "
	encrypt := map[ftpSecurity]string{
		inClear: "set ftp:ssl-allow no", explicitTLS: secure + s.certificate,
		explicit12:  secure + s.certificate + "; set ssl:priority NORMAL:-VERS-TLS1.3",
		implicitTLS: secure + s.certificate,
	}[s.security]
	lftp := func(lines ...string) string {
		begin := []string{
			"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20",
			encrypt,
			fmt.Sprintf("open -u anonymous,x %s://%s:%s", s.scheme, s.host, s.port),
			"cd " + s.folder,
		}
		return s.script(strings.Join(append(begin, lines...), "\n")+"\n", "lftp")
	}
	s.listed(lftp("ls", "nlist", "cls -l"), plainName, hardName, "tree")
	s.partLocal()
	lftp("get -c "+plainName, "get '"+hardName+"'", "mget *.txt")
	s.resumedDown()
	s.downloaded(hardName, "t1.txt", "t2.txt", "t3.txt")
	lftp("put "+plainUpload, "put '"+hardUpload+"'")
	s.uploaded(plainUpload, hardUpload)
	s.partDisk()
	lftp("put -c " + plainUpload)
	s.resumedUp()
	lftp("pget -n 3 " + plainName)
	s.downloaded(plainName)
	lftp("set ftp:use-mlsd no", "mirror tree tree-list", "mirror --parallel=3 tree")
	s.sameTree("tree", "tree")
	s.sameTree("tree-list", "tree")
	lftp("mirror -R --no-perms up", "mirror -R --no-perms --parallel=3 up up-again")
	s.sameTree("up", "up")
	s.sameTree("up", "up-again")
	lftp("set ftp:use-mlsd yes", "mirror tree tree-mlsd", "rm -r up-again")
	s.sameTree("tree-mlsd", "tree")
	s.missing("up-again")
	lftp("mv 'old name' 'new name'", "mkdir 'made dir'", "rm gone.bin", "rmdir empty")
	s.changed()
	lftp("set ftp:use-abor yes", "cat "+plainName+" | head -c 10", "cls t1.txt")
}

func withNcftp(s *ftpScene) {
	login := []string{"-u", "anonymous", "-p", "x", "-P", s.port}
	with := func(args ...string) []string { return append(login[:len(login):len(login)], args...) }
	s.listed(s.run("ncftpls", with(s.url(""))...), plainName, "with space", "tree")
	s.listed(s.run("ncftpls", with("-l", s.url(""))...), plainName, "with space", "tree")
	s.partLocal()
	get := func(args ...string) {
		s.run("ncftpget", with(append([]string{"-V", "-t", "20", s.host}, args...)...)...)
	}
	at := "/" + s.folder + "/"
	get(".", at+plainName, at+hardName)
	s.resumedDown()
	s.downloaded(hardName)
	get(".", at+"*.txt")
	s.downloaded("t1.txt", "t2.txt", "t3.txt")
	s.run("ncftpget", with("-V", "-R", s.host, ".", at+"tree")...)
	s.sameTree("tree", "tree")
	s.run("ncftpput", with("-V", s.host, "/"+s.folder, plainUpload, hardUpload)...)
	s.uploaded(plainUpload, hardUpload)
	// Its resumed upload sends REST and then the whole file: that is left out.
	s.run("ncftpput", with("-V", "-R", s.host, "/"+s.folder, "up")...)
	s.sameTree("up", "up")
	s.script(strings.Join([]string{
		"cd " + s.folder, "ls -l", "rename 'old name' 'new name'", "mkdir 'made dir'",
		"rm gone.bin", "rmdir empty", "quit", "",
	}, "\n"), "ncftp", with(s.host)...)
	s.changed()
}
