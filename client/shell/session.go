package shell

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ferry/client"
)

// link is a session that comes back: when it was lost, the next use of it makes it anew. It is
// owned by the goroutine that uses it.
type link struct {
	shell  *Shell
	addr   string
	client *client.Client
	// exchange is what the session speaks, Auto to find out.
	exchange client.Exchange
	// status says that the server has spoken the status exchange.
	status bool
	// gauge is that of the file on its way, nil between files.
	gauge atomic.Pointer[gauge]
	// used is when the last command on it ended.
	used time.Time
}

// idleMin is how long a session has to have been idle for its loss to be no surprise: servers leave
// those that stay silent, and the command that finds out has not begun there.
const idleMin = time.Minute

// Waits between tries: the first is as long as a server takes to start again, each is twice the one
// before, and none is longer than a person waits for a sign of life.
const (
	retryWaitFirst = 500 * time.Millisecond
	retryWaitMost  = 30 * time.Second
)

// over says that the session has ended by itself.
func (l *link) over() bool { return l.client != nil && l.client.Err() != nil }

// up makes the session unless it stands.
func (l *link) up(ctx context.Context) error {
	if l.client != nil && l.client.Err() == nil {
		return nil
	}
	c, err := client.Dial(ctx, l.addr, l.options())
	if err == nil {
		l.client, l.status = c, c.Exchange() == client.Status
	}
	return err
}

// do calls f with a session that stands, and again after a wait as long as it fails in a way that
// may pass and tries are left.
func (l *link) do(ctx context.Context, f func(*client.Client) error) error {
	return l.try(ctx, f, true)
}

// change is do for what changes names at the server. It is not done again when the session was lost
// under it: it may have been carried out, and would be told to have failed.
func (l *link) change(ctx context.Context, f func(*client.Client) error) error {
	return l.try(ctx, f, false)
}

func (l *link) try(ctx context.Context, f func(*client.Client) error, again bool) error {
	l.probe(ctx)
	idle := l.client != nil && time.Since(l.used) >= l.shell.idleMin
	defer func() { l.used = time.Now() }()
	for try := 0; ; try++ {
		err := l.once(ctx, f)
		lost := errors.Is(err, client.ErrLost)
		if lost && !again {
			return fmt.Errorf("%w, and whether it was done is not known", err)
		}
		if idle && try == 0 && lost && ctx.Err() == nil {
			err = l.once(ctx, f)
		}
		if err == nil || try >= l.shell.Retries || !mayPass(err) || ctx.Err() != nil {
			return err
		}
		wait := retryWait(try)
		l.shell.complain(fmt.Errorf("%w; again in %.1f s", err, wait.Seconds()))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &client.Error{Kind: client.ErrGivenUp, Err: ctx.Err()}
		}
	}
}

// probe finds out whether a session that was idle for long still stands, where it can be asked.
func (l *link) probe(ctx context.Context) {
	if l.client == nil || l.client.Exchange() != client.Status ||
		time.Since(l.used) < l.shell.idleMin {
		return
	}
	_ = l.once(ctx, func(c *client.Client) error { return c.Noop(ctx) }) // up makes it anew
}

// once calls f with a session that stands.
func (l *link) once(ctx context.Context, f func(*client.Client) error) error {
	if err := l.up(ctx); err != nil {
		return err
	}
	return f(l.client)
}

// retryWait is how long to wait before a further try. Half of it is chance, so that clients that
// lost one server do not come back at once.
func retryWait(try int) time.Duration {
	wait := retryWaitFirst << min(try, 10)
	wait = min(wait, retryWaitMost)
	return wait/2 + rand.N(wait/2)
}

// mayPass says whether another try may go better.
func mayPass(err error) bool {
	for _, kind := range []error{
		client.ErrConnect, client.ErrLost, client.ErrBroken, client.ErrStalled, client.ErrNoData,
		client.ErrBusy,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// leave ends the session in order. What goes wrong then concerns nobody any more.
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

// options are those of a link's session.
func (l *link) options() client.Options {
	o := l.shell.Options
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

// open makes a session and only then leaves the one that was.
func (s *Shell) open(ctx context.Context, to target) error {
	l := &link{shell: s, addr: to.addr}
	if err := l.do(ctx, func(*client.Client) error { return nil }); err != nil {
		return l.hinted(err)
	}
	s.leave(ctx)
	s.main, s.last = l, to
	if to.folder == "" {
		return nil
	}
	return s.enter(ctx, to.folder)
}

// connected makes sure that there is a session: one that was lost is made anew.
func (s *Shell) connected(ctx context.Context) error {
	if s.main == nil {
		return errNotConnected
	}
	if s.main.client != nil {
		return nil
	}
	if err := s.main.do(ctx, func(*client.Client) error { return nil }); err != nil {
		return err
	}
	s.say("connected again to %s", s.main.client.Addr())
	return nil
}

// lost notes that the session has ended. Whatever failed, its end is said with it, unless a person
// ended the command and the session with it.
func (s *Shell) lost(err error) error {
	over := s.main.client.Err()
	_ = s.main.client.Close()
	s.main.client = nil
	again := ""
	if s.session {
		again = "; the next command connects again"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err == nil:
		return fmt.Errorf("%w%s", over, again)
	case errors.Is(err, client.ErrLost):
		var told *toldError
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
		s.last = target{addr: s.main.addr, folder: s.folder}
		s.main.leave(ctx)
	}
	s.main, s.folder = nil, ""
}
