package reactor

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// A session is the same whether it comes at once or byte by byte.
func TestFTPLinesComeInAnyPieces(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	script := "USER anonymous\r\nPASS x \r\nNOOP\nTYPE I  \r\nSIZE f\r\n\xff\xf1PW\xff\xf1D\r\n" +
		"CWD a\xff\xffb\r\nFOO\r\n\r\nQUIT\r\n"
	replies := []string{
		"220", "331", "230", "200", "200", "213 7", `257 "/"`, "550 a\xff\xffb: ", "500", "500",
		"221",
	}
	for _, step := range []int{1, 2, 3, 7, len(script)} {
		c := ts.dialFTP(t, "127.0.0.1")
		for rest := script; len(rest) > 0; {
			n := min(step, len(rest))
			c.say(rest[:n])
			rest = rest[n:]
		}
		for _, want := range replies {
			c.want(want)
		}
		c.wantOver()
	}
}

func TestFTPAnswersAThousandLinesInOrder(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	c := ts.ftp()
	lines := []string{"NOOP", "SIZE f", "PWD", "SIZE none", "FOO", "CWD /", "TYPE I", "RETR f"}
	codes := []string{"200", "213", "257", "550", "500", "250", "200", "425"}
	var all []string
	for i := range 1000 {
		all = append(all, lines[i%len(lines)])
	}
	c.send(all...)
	for i := range all {
		c.want(codes[i%len(codes)])
	}
	c.bye()
}

// Transfers in a row keep their order too: each offer serves the command behind it.
func TestFTPPipelinedTransfersRunInOrder(t *testing.T) {
	ts := serveFTP(t)
	ts.file("a", []byte("first"))
	ts.file("b", []byte("second"))
	c := ts.ftp()
	c.send("EPSV", "RETR a", "SIZE b", "EPSV", "RETR b", "NOOP")
	for _, want := range []string{"first", "second"} {
		c.wantEPSV()
		d := c.connect()
		c.want("150")
		if got := d.all(); got != want {
			t.Fatalf("%q came, want %q", got, want)
		}
		c.want("226")
		if want == "first" {
			c.want("213 6")
		}
	}
	c.want("200")
	c.bye()
}

func TestFTPEndlessLineEndsSession(t *testing.T) {
	ts := serveFTP(t)
	for _, end := range []string{"", "\r\n"} {
		c := ts.greetFTP()
		c.say(strings.Repeat("x", 4097) + end)
		c.want("421")
		c.wantOver()
	}
	c := ts.greetFTP()
	c.send("HELP " + strings.Repeat("x", 4096-5)) // the longest line
	c.want("501")
	c.bye()
}

func TestFTPRefusesControlCharacters(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	for _, b := range []byte{0, 1, '\t', 0x1b, 0x7f} {
		c.ask("MKD a"+string(rune(b))+"b", "501")
	}
	c.ask("MKD a\rb", "501")
	c.wantFetch("NLST", "")
	c.bye()
}

// Telnet codes are dropped or refused wherever they stand.
func TestFTPTelnetCodesAreNoPartOfCommands(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	codes := []string{"\xff\xf4", "\xff\xf2", "\xff\xf1", "\xff\xfc\x01", "\xff\xfe\x01"}
	for _, code := range codes {
		for i := range len("NOOP\r\n") {
			c.say("NOOP\r\n"[:i] + code + "NOOP\r\n"[i:])
			c.want("200")
		}
	}
	for _, ask := range []struct{ say, answer string }{
		{"\xff\xfd\x06", "\xff\xfc\x06"}, // DO: WONT
		{"\xff\xfb\x06", "\xff\xfe\x06"}, // WILL: DONT
	} {
		for i := range len("NOOP\r") {
			c.say("NOOP\r\n"[:i] + ask.say + "NOOP\r\n"[i:])
			got := make([]byte, 3)
			if _, err := io.ReadFull(c.in, got); err != nil || string(got) != ask.answer {
				t.Fatalf("%q came for %q, %v", got, ask.say, err)
			}
			c.want("200")
		}
	}
	c.bye()
}

// ftplib and Ruby send whole lines as urgent data, others only the mark of a Synch.
func TestFTPUrgentDataIsPartOfCommands(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	c.urgent("ABOR\r\n")
	c.want("226")
	c.urgent("STAT\r\n")
	c.want("211")
	c.urgent("\xff\xf4\xff")
	c.say("\xf2ABOR\r\n")
	c.want("226")
	c.say("\xff\xf4")
	c.urgent("\xff\xf2")
	c.say("ABOR\r\n")
	c.want("226")
	c.bye()
}

// A name may hold 0xFF, doubled as telnet wants it, also in replies. Lists have it as it is.
func TestFTPNamesMayHoldAnyByteButControls(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	names := []string{
		" lead and trail ", `quo"te`, "'single'", "\xe9 latin", "ünïcode", "-a", "*[x]?", "a\\b",
		strings.Repeat("n", 255), "~", "%41",
	}
	for _, name := range names {
		c.store("STOR "+name, name)
		c.wantFetch("RETR "+name, name)
		c.ask("SIZE "+name, fmt.Sprint("213 ", len(name)))
		if got := c.fetch("MLSD"); !strings.HasSuffix(got, "; "+name+"\r\n") {
			t.Fatalf("MLSD: %q", got)
		}
		c.wantFetch("NLST", name+"\r\n")
		if got := c.fetch("LIST"); !strings.HasSuffix(got, " "+name+"\r\n") {
			t.Fatalf("LIST: %q", got)
		}
		if got := c.ask("MLST "+name, "250-"); !strings.Contains(got, "; /"+name+"\n") {
			t.Fatalf("MLST: %q", got)
		}
		c.ask("DELE "+name, "250")
		c.ask("MKD "+name, `257 "/`+strings.ReplaceAll(name, `"`, `""`)+`" `)
		c.ask("CWD "+name, "250")
		c.ask("PWD", `257 "/`+strings.ReplaceAll(name, `"`, `""`)+`" `)
		c.ask("CDUP", "250")
		c.ask("RMD "+name, "250")
	}
	c.store("STOR a\xff\xffb", "telnet")
	ts.wantFile("a\xffb", []byte("telnet"))
	c.wantFetch("NLST", "a\xffb\r\n")
	c.ask("MLST a\xff\xffb", "250-")
	c.refuses("STOR "+strings.Repeat("n", 256), "553")
	c.refuses("RETR "+strings.Repeat("n", 256), "550")
	c.bye()
}

// A name that holds a line end is not listed: it would forge an entry.
func TestFTPListingsLeaveNamesWithControlsOut(t *testing.T) {
	ts := serveFTP(t)
	ts.file("one\r\n-rw-r--r-- 1 ftp ftp 1 Jan 1 2020 forged", nil)
	ts.file("two", nil)
	c := ts.ftp()
	c.wantFetch("NLST", "two\r\n")
	for _, command := range []string{"LIST", "MLSD"} {
		if got := names(c.fetch(command)); len(got) != 1 {
			t.Errorf("%s: %q", command, got)
		}
	}
	c.bye()
}
