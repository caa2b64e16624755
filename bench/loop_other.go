//go:build !linux

package bench

import (
	"context"
	"errors"
)

// loop loads a server on Linux only. Elsewhere results can be shown and compared.
type loop struct{}

func newLoop(share) (*loop, error) {
	return nil, errors.New("loading a server needs Linux; results can be shown and compared here")
}

func (*loop) connect(context.Context)                     {}
func (*loop) do(context.Context, jobSource, span) *record { return nil }
func (*loop) close(context.Context)                       {}
func descriptorsMax() int                                 { return 1 << 20 }
