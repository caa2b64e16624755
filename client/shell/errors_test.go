package shell

import (
	"strings"
	"syscall"
	"testing"

	"ferry/client"
)

// TestSilenceAtTheClassicPortHintsAtClassic holds that the hint comes where it may help, and once.
func TestSilenceAtTheClassicPortHintsAtClassic(t *testing.T) {
	lost := &client.Error{Kind: client.ErrLost}
	refused := &client.Error{Kind: client.ErrConnect, Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name string
		l    *link
		err  error
		want int
	}{
		{"lost", &link{shell: new(Shell), server: server{addr: "h:20021"}}, lost, 1},
		{"another port", &link{shell: new(Shell), server: server{addr: "h:2121"}}, lost, 0},
		{"status", &link{shell: new(Shell), server: server{addr: "h:20021"}, status: true}, lost, 0},
		{"refused", &link{shell: new(Shell), server: server{addr: "h:20021"}}, refused, 0},
		{
			"not found", &link{shell: new(Shell), server: server{addr: "h:20021"}},
			&client.Error{Kind: client.ErrNotFound}, 0,
		},
		{"no session", nil, lost, 0},
	} {
		err := c.l.hinted(c.l.hinted(c.err))
		if n := strings.Count(err.Error(), "--classic"); n != c.want {
			t.Errorf("%s: %v hints %d times, want %d", c.name, err, n, c.want)
		}
	}
}
