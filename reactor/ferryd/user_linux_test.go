package main

import (
	"path/filepath"
	"strings"
	"testing"

	"ferry/reactor/login"
)

func TestPasswordIsAskedTwiceWithoutEcho(t *testing.T) {
	lookAtSources(t)
	dir := t.TempDir()
	add := func(second string) *terminal {
		x := newTerminal(t, dir, dir, "ferryd user add ann --users users; echo status $?")
		x.await("Password: ")
		x.write("first secret\r")
		x.await("Again: ")
		x.write(second + "\r")
		x.await(`status \d`)
		x.end()
		if text := x.screen(); strings.Contains(text, "secret") {
			t.Errorf("the password is shown:\n%s", text)
		}
		return x
	}
	add("other secret").await("the passwords differ\\r\nstatus 1")
	add("first secret").await("status 0")
	u, err := login.Load(filepath.Join(dir, "users"))
	if err != nil || u.Check("ann", "first secret") == nil {
		t.Errorf("ann cannot log in (%v)", err)
	}
}
