package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestFTPTransfersOfEverySize(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serveFTP(t, way)
		c := ts.ftp()
		for _, size := range []int{
			0, 1, smallMax - 1, smallMax, smallMax + 1, quantum, 3*quantum + 17,
		} {
			content := string(pattern(size))
			c.store("STOR f", content)
			ts.wantFile("f", []byte(content))
			c.wantFetch("RETR f", content)
			c.ask("SIZE f", fmt.Sprint("213 ", size))
		}
		c.bye()
	})
}

// REST counts once, for the next transfer, whatever becomes of that.
func TestFTPRestCountsOnce(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("content"))
	large := string(pattern(3*quantum + 17))
	ts.file("large", []byte(large))
	c := ts.ftp()
	c.ask("REST 3", "350")
	c.wantFetch("RETR f", "tent")
	c.wantFetch("RETR f", "content")
	c.epsv() // or after it
	d := c.connect()
	c.ask("REST 3", "350")
	c.ask("RETR f", "150")
	if got := d.all(); got != "tent" {
		t.Errorf("%q came", got)
	}
	c.want("226")
	c.ask("REST 3", "350")
	c.refuses("RETR none", "550")
	c.wantFetch("RETR f", "content")
	c.ask("REST 3", "350")
	c.wantFetch("NLST", "f\r\nlarge\r\n") // it cuts no listing
	c.wantFetch("RETR f", "content")
	c.ask("REST 3", "350")
	c.ask("REST 0", "350")
	c.wantFetch("RETR f", "content")
	c.ask("REST 3", "350")
	c.ask("SIZE f", "213 7")
	c.wantFetch("RETR f", "tent")
	c.ask("REST 7", "350")
	c.wantFetch("RETR f", "")
	for _, n := range []string{"8", "9223372036854775807"} {
		c.ask("REST "+n, "350")
		c.refuses("RETR f", "554")
	}
	for _, n := range []string{
		"18446744073709551615", "18446744073709551616", "18446744073709551619",
	} {
		c.ask("REST "+n, "501")
		c.wantFetch("RETR f", "content")
	}
	for _, n := range []int{1, smallMax, 2*quantum + 1, len(large) - 1, len(large)} {
		c.ask(fmt.Sprint("REST ", n), "350")
		c.wantFetch("RETR large", large[n:])
	}
	c.ask("REST 3", "350")
	c.wantFetch("RETR f", "tent")
	c.store("STOR f", "new") // it replaces
	ts.wantFile("f", []byte("new"))
	c.bye()
}

// Uploads after REST and APPE write in place: FTP has no other way to resume one.
func TestFTPResumedUploadsWriteInPlace(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serveFTP(t, way)
		large := string(pattern(3*quantum + 17))
		c := ts.ftp()
		for _, have := range []int{1, 100, smallMax + 1, 2*quantum + 5, len(large)} {
			ts.file("f", []byte(large[:have]))
			c.ask(fmt.Sprint("REST ", have), "350")
			c.store("STOR f", large[have:])
			ts.wantFile("f", []byte(large))
			ts.file("f", []byte(large[:have]))
			c.store("APPE f", large[have:])
			ts.wantFile("f", []byte(large))
		}
		ts.file("f", []byte("0123456789"))
		c.ask("REST 4", "350")
		c.store("STOR f", "abc") // what was behind is cut off
		ts.wantFile("f", []byte("0123abc"))
		c.ask("REST 2", "350")
		c.store("APPE f", "xy")
		ts.wantFile("f", []byte("01xy"))
		c.ask("REST 5", "350")
		c.refuses("STOR f", "554")
		ts.wantFile("f", []byte("01xy"))
		c.ask("REST 5", "350")
		c.refuses("STOR none", "554")
		ts.wantNoFile("none")
		c.store("APPE new", "made")
		ts.wantFile("new", []byte("made"))
		c.store("APPE new", "")
		ts.wantFile("new", []byte("made"))
		c.ask("MKD d", "257")
		c.refuses("APPE d", "550")
		c.refuses("APPE none/f", "550")
		c.bye()
	})
}

// What came of a broken in-place upload is kept, so that it can be resumed again.
func TestFTPBrokenResumedUploadKeepsWhatCame(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	ts.file("f", []byte("old "))
	large := string(pattern(smallMax + 1))
	d := c.opens("APPE f")
	d.say(large)
	eventually(t, "the bytes in the file", func() bool {
		return ts.size("f") == int64(4+len(large))
	})
	reset(t, d.TCPConn)
	c.want("426")
	ts.wantFile("f", []byte("old "+large))
	c.bye()
}

// A resumed upload that never gets its data connection cuts nothing off.
func TestFTPUntakenResumedUploadChangesNothing(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	ts.file("f", []byte("0123456789"))
	c.ask("REST 4", "350")
	c.epsv()
	c.ask("STOR f", "150")
	c.send("ABOR")
	c.want("425")
	c.want("226")
	ts.wantFile("f", []byte("0123456789"))
	d := func() *data { c.ask("REST 4", "350"); return c.opens("STOR f") }()
	reset(t, d.TCPConn)
	c.want("426")
	ts.wantFile("f", []byte("0123456789"))
	c.bye()
}

func TestFTPTwoUploadsInPlaceDoNotMix(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("old "))
	one, other := ts.ftp(), ts.ftp()
	d := one.opens("APPE f")
	d.say("new")
	other.refuses("APPE f", "450")
	d.finish()
	one.want("226")
	other.store("APPE f", " newer")
	ts.wantFile("f", []byte("old new newer"))
	one.bye()
	other.bye()
}

// A plain STOR is whole or not at all.
func TestFTPBrokenUploadLeavesWhatWasThere(t *testing.T) {
	ts := serveFTP(t)
	for _, size := range []int{0, 5, smallMax + 1, 3 * quantum} {
		ts.file("f", []byte("old"))
		c := ts.ftp()
		for _, name := range []string{"f", "new"} {
			d := c.opens("STOR " + name)
			d.say(string(pattern(size)))
			reset(t, d.TCPConn)
			c.want("426")
		}
		ts.wantFile("f", []byte("old"))
		ts.wantNoFile("new")
		c.bye()
	}
}

// While an upload runs its name has the old file; 226 says that it has the new one.
func TestFTPUploadAppearsWithItsReply(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("old"))
	c := ts.ftp()
	d := c.opens("STOR f")
	d.say("new")
	ts.wantFile("f", []byte("old"))
	check(t, d.CloseWrite())
	c.want("226")
	ts.wantFile("f", []byte("new"))
	c.send("EPSV")
	c.wantEPSV()
	d = c.connect()
	c.send("STOR g", "RNFR g", "RNTO h")
	c.want("150")
	d.say("renamed at once")
	d.finish()
	c.want("226")
	c.want("350")
	c.want("250")
	ts.wantFile("h", []byte("renamed at once"))
	c.bye()
}

func TestFTPStouChoosesAFreeName(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("old"))
	c := ts.ftp()
	seen := map[string]bool{}
	for _, command := range []string{"STOU", "STOU", "STOU f", "STOU f"} {
		c.epsv()
		d := c.connect()
		name, ok := strings.CutPrefix(c.ask(command, "150 FILE: "), "150 FILE: ")
		if !ok || seen[name] || name == "f" {
			t.Fatalf("%s chose %q", command, name)
		}
		seen[name] = true
		d.say(name)
		d.finish()
		c.want("226")
		ts.wantFile(name, []byte(name))
	}
	ts.wantFile("f", []byte("old"))
	c.bye()
}

func TestFTPAlloIsChecked(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.Limits.UploadBytes = 1000 })
	c := ts.ftp()
	c.ask("ALLO 1000", "202")
	c.ask("ALLO 1001", "552")
	c.store("STOR f", strings.Repeat("x", 1000))
	for _, size := range []int{1001, quantum} {
		d := c.opens("STOR f")
		_, err := io.WriteString(d, strings.Repeat("y", size))
		if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
		_ = d.CloseWrite() // it may be reset by now
		c.want("552")
		check(t, d.Close())
	}
	ts.wantFile("f", bytes.Repeat([]byte("x"), 1000))
	c.bye()
	full := serveFTP(t, func(o *Options) { o.Limits.FreeBytes = 1 << 60 }).ftp()
	full.ask("ALLO 1", "452")
	full.bye()
}

func TestFTPUploadsAreRefusedWithAReason(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", nil)
	c := ts.ftp()
	c.ask("MKD d", "257")
	c.refuses("STOR d", "550 d: Not a plain file.")
	c.refuses("STOR none/f", "550")
	c.refuses("STOR f/g", "550")
	c.refuses("STOR ..", "55")
	c.refuses("STOR /", "55")
	c.refuses("STOR .ferry-1", "553")
	c.refuses("STOR .hidden", "553")
	c.refuses("RETR .hidden", "550")
	c.refuses("RETR d", "550 d: Not a plain file.")
	c.refuses("RETR none", "550 none: No such file or directory.")
	c.bye()
}

// The lines of type A end in CR LF on the wire and in LF on disk, wherever segments end.
func TestFTPTypeAConvertsLineEnds(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	c.ask("TYPE A", "200")
	wire := "one\r\ntwo\r\n\r\nbare\rreturn\r\r\nlast\r"
	disk := "one\ntwo\n\nbare\rreturn\r\nlast\r"
	for i := range len(wire) + 1 {
		d := c.opens("STOR f")
		check(t, d.SetNoDelay(true))
		d.say(wire[:i])
		if i > 0 && i < len(wire) {
			eventually(t, "the first piece", func() bool {
				return strings.Contains(c.ask("STAT", "211"), fmt.Sprintf("STOR: %d bytes", i))
			})
		}
		d.say(wire[i:])
		d.finish()
		c.want("226")
		ts.wantFile("f", []byte(disk))
	}
	ts.file("f", []byte("one\ntwo\r\n\nno end"))
	c.wantFetch("RETR f", "one\r\ntwo\r\n\r\nno end")
	c.ask("SIZE f", "550")
	c.ask("TYPE I", "200")
	c.ask("SIZE f", "213 16")
	c.bye()
}

func TestFTPTypeAOfEverySize(t *testing.T) {
	eachWay(t, func(t *testing.T, way func(*Options)) {
		ts := serveFTP(t, way)
		c := ts.ftp()
		c.ask("TYPE A", "200")
		for _, size := range []int{
			0, 1, 2, smallMax/2 - 1, smallMax - 2, smallMax - 1, smallMax, smallMax + 1,
			quantum + 3, 3*quantum + 17,
		} {
			for _, unit := range []string{"\n", "a line\n", "x"} {
				disk := strings.Repeat(unit, size/len(unit)+1)[:size]
				c.store("STOR f", crlf(disk))
				ts.wantFile("f", []byte(disk))
				c.wantFetch("RETR f", crlf(disk))
			}
			ends := strings.Repeat("x", size) + "\r"
			c.store("STOR f", ends)
			ts.wantFile("f", []byte(ends))
			c.store("APPE f", "\nmore\r\n")
			ts.wantFile("f", []byte(ends+"\nmore\n"))
		}
		c.bye()
	})
}

// A download of type A may begin inside the file. REST counts bytes of the file there.
func TestFTPTypeAWithRest(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("one\ntwo\n"))
	c := ts.ftp()
	c.ask("TYPE A", "200")
	c.ask("REST 4", "350")
	c.wantFetch("RETR f", "two\r\n")
	c.bye()
}

func TestFTPReplacesWithAnEmptyFile(t *testing.T) {
	ts := serveFTP(t)
	ts.file("f", []byte("old"))
	c := ts.ftp()
	c.store("STOR f", "")
	ts.wantFile("f", nil)
	c.store("STOR g", "")
	ts.wantFile("g", nil)
	c.bye()
}

// After 426 the file is free for the next upload in place.
func TestFTPBrokenUploadInPlaceCanBeResumedAtOnce(t *testing.T) {
	ts := serveFTP(t)
	c := ts.ftp()
	for range 50 {
		d := c.opens("APPE f")
		d.say("x")
		reset(t, d.TCPConn)
		c.want("426")
		c.store("APPE f", "y")
		d = c.opens("APPE f")
		d.say("x")
		c.send("ABOR")
		c.want("426")
		c.want("226")
		check(t, d.Close())
		c.epsv()
		c.send("APPE f", "ABOR", "EPSV")
		if got := c.reply(); got[:3] == "150" {
			c.want("425")
		} else if got[:3] != "425" {
			t.Fatalf("%q came", got)
		}
		c.want("226")
		c.wantEPSV()
		c.store("APPE f", "y")
	}
	c.bye()
}
