package reactor

import (
	"fmt"
	"testing"

	"ferry/fsio/mem"
)

// TestServerServesAStoreInMemory puts, lists and gets small and large files, by base and by
// status.
func TestServerServesAStoreInMemory(t *testing.T) {
	ts := serve(t, func(o *Options) { o.Store = mem.New(mem.Options{}) })
	c, base := ts.greet(), ts.dial()
	c.ask("mkdir d", 250, "")
	for i, size := range []int{0, 5, smallMax, smallMax + 1, 3*quantum + 17} {
		name, content := fmt.Sprint("d/", i), pattern(size)
		c.store(name, string(content))
		c.fetch("get "+name, content)
		base.put(name+"b", string(content))
		base.get(name+"b", content)
	}
	c.fetch("ls", []byte("d/\n"))
	c.fetch("ls d", []byte("0\n0b\n1\n1b\n2\n2b\n3\n3b\n4\n4b\n"))
	part := c.begin("d/part")
	c.goOn(part, 0, 6, []byte("abc"), 250)
	c.goOn(part, 3, 6, []byte("def"), 226)
	c.fetch("get d/part", []byte("abcdef"))
	const sum = "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721 6" // of abcdef
	c.ask("sum sha256 d/part", 213, sum)
	c.ask("rnfr d/part", 350, "")
	c.ask("rnto d/other", 250, "")
	c.ask("rm d/other", 250, "")
	c.bye()
	base.quit()
}
