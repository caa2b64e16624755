package shell

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"ferry/client"
)

// link is a session that reconnects when it is used after it was lost. It is owned by the goroutine
// that uses it.
type link struct {
	shell *Shell
	server
	client *client.Client
	// as is who is logged in, nil for nobody; a further session logs in again.
	as *client.Credentials
	// exchange is what the session speaks, Auto to find out.
	exchange client.Exchange
	// gauge measures the file that is moving, nil between files.
	gauge atomic.Pointer[gauge]
	// used is when the last command on it ended.
	used time.Time
}

// idleMin is how long a session must be idle for its loss to be no surprise: servers close idle
// sessions, and a command that notices was not run.
const idleMin = time.Minute

// Waits between tries: the first is as long as a server takes to restart, each is twice the one
// before.
const (
	retryWaitFirst = 500 * time.Millisecond
	retryWaitMost  = 30 * time.Second
)

func (l *link) over() bool { return l.client != nil && l.client.Err() != nil }

// do calls f with a live session, and again while it fails in a way that may pass and tries are
// left.
func (l *link) do(ctx context.Context, f func(*client.Client) error) error {
	return l.try(ctx, f, true)
}

// ask returns what f gets from the session of the prompt.
func ask[T any](ctx context.Context, s *Shell, f func(*client.Client) (T, error)) (v T, err error) {
	err = s.main.do(ctx, func(c *client.Client) (err error) {
		v, err = f(c)
		return err
	})
	return v, err
}

// change is do for what changes names on the server. It is not repeated if the session was lost: it
// may have succeeded.
func (l *link) change(ctx context.Context, f func(*client.Client) error) error {
	return l.try(ctx, f, false)
}

func (l *link) try(ctx context.Context, f func(*client.Client) error, again bool) error {
	idle := l.client != nil && time.Since(l.used) >= l.shell.idleMin
	defer func() { l.used = time.Now() }()
	if idle && l.client.Exchange() == client.Status {
		// Find out whether it still stands; if not, the next use reconnects.
		_ = l.once(ctx, func(c *client.Client) error { return c.Noop(ctx) })
	}
	for try := 0; ; try++ {
		err := l.once(ctx, f)
		lost := errors.Is(err, client.ErrLost)
		if lost && !again {
			return fmt.Errorf("%w, and it is not known whether it was done", err)
		}
		if idle && try == 0 && lost && ctx.Err() == nil {
			err = l.once(ctx, f)
		}
		if err == nil || try >= l.shell.Retries || !mayPass(err) || ctx.Err() != nil {
			return err
		}
		wait := retryWait(try)
		l.shell.complain(fmt.Errorf("%w; again in %.1f s", err, wait.Seconds()))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return &client.Error{Kind: client.ErrGivenUp, Err: ctx.Err()}
		}
	}
}

func (l *link) once(ctx context.Context, f func(*client.Client) error) error {
	if l.client == nil || l.over() {
		c, err := l.dial(ctx)
		if err != nil {
			return err
		}
		l.client = c
	}
	return f(l.client)
}

// retryWait is the wait before another try. Half of it is random, so that clients that lost one
// server do not return at once.
func retryWait(try int) time.Duration {
	wait := min(retryWaitFirst<<min(try, 10), retryWaitMost)
	return wait/2 + rand.N(wait/2)
}

func mayPass(err error) bool {
	return isAny(err, client.ErrConnect, client.ErrLost, client.ErrBroken, client.ErrStalled,
		client.ErrNoData, client.ErrBusy) &&
		!isAny(err, client.ErrUntrusted, client.ErrLogin, client.ErrNotAllowed)
}

// isAny reports whether an error is of one of the kinds.
func isAny(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// leave ends the session in order, and ignores errors.
func (l *link) leave(ctx context.Context) {
	if l.client == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), quitWait)
	defer stop()
	_ = l.client.Quit(ctx)
	_ = l.client.Close()
	l.client = nil
}

func (l *link) options() client.Options {
	o := l.shell.Options
	o.Credentials = l.as
	if l.tls {
		trust := l.shell.Trust
		if o.TLS = &trust; l.shell.KnownHosts != "" {
			trust.Pin = l.shell.pinOf
		}
	}
	if l.exchange != client.Auto {
		o.Exchange = l.exchange
	}
	o.Progress = func(moved, total int64) {
		if g := l.gauge.Load(); g != nil {
			g.set(moved, total)
		}
	}
	return o
}

// open makes a session and only then leaves the previous one.
func (s *Shell) open(ctx context.Context, to target) error {
	l := &link{shell: s, server: to.server}
	connect := func() error { return l.do(ctx, func(*client.Client) error { return nil }) }
	err := connect()
	if errors.Is(err, client.ErrUntrusted) {
		if err = s.trust(ctx, err); err == nil {
			err = connect()
		}
	}
	if err != nil {
		return err
	}
	s.leave(ctx)
	s.main, s.last = l, to
	if to.folder == "" {
		return nil
	}
	return s.enter(ctx, to.folder)
}

// connected reconnects a session that was lost.
func (s *Shell) connected(ctx context.Context) error {
	if s.main == nil {
		return errors.New("not connected: open HOST PORT first")
	}
	if s.main.client != nil {
		return nil
	}
	if err := s.main.do(ctx, func(*client.Client) error { return nil }); err != nil {
		return err
	}
	s.say("reconnected to %s", s.main.client.Addr())
	return nil
}

// lost notes that the session has ended, and adds that to the error, unless a person interrupted
// command and session.
func (s *Shell) lost(err error) error {
	over := s.main.client.Err()
	_ = s.main.client.Close()
	s.main.client = nil
	again := ""
	if s.session {
		again = "; the next command reconnects"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err == nil:
		return fmt.Errorf("%w%s", over, again)
	case errors.Is(err, client.ErrLost):
		var told *reportedError
		if errors.As(err, &told) {
			return err
		}
		return fmt.Errorf("%w%s", err, again)
	}
	return fmt.Errorf("%w; %w%s", err, over, again)
}

// leave ends the session, if there is one.
func (s *Shell) leave(ctx context.Context) {
	if s.main != nil {
		s.last = target{server: s.main.server, folder: s.folder}
		s.main.leave(ctx)
	}
	s.main, s.folder = nil, ""
}
