package reactor

import (
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
