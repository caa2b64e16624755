package reactor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The limit of a file counts what an upload in place finds there.
func TestFTPUploadLimitCountsTheFileThatGrows(t *testing.T) {
	for _, command := range []string{"APPE f", "REST 600|STOR f"} {
		ts := serveFTP(t, func(o *Options) { o.Limits.UploadBytes = 1000 })
		ts.file("f", []byte(strings.Repeat("x", 600)))
		c := ts.ftp()
		lines := strings.Split(command, "|")
		for _, before := range lines[:len(lines)-1] {
			c.ask(before, "350")
		}
		d := c.opens(lines[len(lines)-1])
		d.say(strings.Repeat("y", 401))
		c.want("552")
		ts.wantFile("f", []byte(strings.Repeat("x", 600)))
		d = c.opens("APPE f")
		d.say(strings.Repeat("y", 400))
		d.finish()
		c.want("226")
		c.bye()
	}
}

// The path that NLST puts before each name counts as a part of the listing.
func TestFTPListingLimitCountsThePathOfEachName(t *testing.T) {
	ts := serveFTP(t, func(o *Options) { o.Limits.ListingBytes = 64 << 10 })
	check(t, os.Mkdir(filepath.Join(ts.dir, "d"), 0o755))
	for i := range 100 {
		ts.file(fmt.Sprint("d/", i), nil)
	}
	c := ts.ftp()
	long := strings.Repeat("./", 1900) + "d"
	c.epsv()
	c.ask("NLST "+long, "451")
	if got := names(c.fetch("NLST d")); len(got) != 100 {
		t.Errorf("%d names came", len(got))
	}
	c.bye()
}

func TestFTPHashOfAnEmptyRangeIsThatOfNothing(t *testing.T) {
	ts := serveFTP(t)
	ts.file("abc", []byte("abc"))
	const none = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	c := ts.ftp()
	for _, at := range []string{"0 0", "1 1", "3 3"} {
		c.ask("XSHA256 abc "+at, "250 "+none)
	}
	c.ask("XSHA256 abc 4 4", "554")
	c.bye()
}
