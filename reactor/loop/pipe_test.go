//go:build linux && !ferryportable

package loop

import (
	"testing"

	"golang.org/x/sys/unix"
)

// fewPipes is a quota of so many.
type fewPipes int

func (q *fewPipes) Left() bool { return *q > 0 }
func (q *fewPipes) Give()      { *q++ }

func (q *fewPipes) Take() bool {
	if *q == 0 {
		return false
	}
	*q--
	return true
}

// Pipes stay within their quota. An empty one is lent again; one that holds bytes is closed.
func TestPipesStayWithinQuota(t *testing.T) {
	left := fewPipes(2)
	l, err := New(Options{Pipes: &left})
	if err != nil {
		t.Fatal(err)
	}
	first, second := l.Pipes.Take(), l.Pipes.Take()
	if first == nil || second == nil {
		t.Skip("this user's allowance of pipes is used up")
	}
	if l.Pipes.Available() || l.Pipes.Take() != nil {
		t.Error("a third pipe was lent")
	}
	l.Pipes.Give(first, true)
	if !l.Pipes.Available() || l.Pipes.Kept() != 1 || l.Pipes.Take() != first {
		t.Error("an empty pipe was not kept")
	}
	if _, err := unix.Write(second.in, []byte("left over")); err != nil {
		t.Fatal(err)
	}
	l.Pipes.Give(second, false)
	if l.Pipes.Kept() != 0 || left != 1 {
		t.Errorf("a pipe with bytes in it: %d are kept, %d are left", l.Pipes.Kept(), left)
	}
	l.Pipes.Refuse(l.Clock() + 1<<62)
	if l.Pipes.Available() || l.Pipes.Take() != nil {
		t.Error("a pipe was lent although the system refuses them")
	}
	l.Pipes.Give(first, true)
	if l.Close(); left != 2 {
		t.Errorf("%d pipes are left after the end, want 2", left)
	}
}
