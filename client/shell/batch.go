package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ferry/client"
)

// tally is the outcome of a batch. The shell's report lock guards it while sessions share it.
type tally struct {
	shell *Shell
	// The counts are of what was done, in a dry run of what would be: files and their bytes, files
	// that both sides have, folders that were made and names that a mirror deleted.
	done, same, skipped, made, removed int
	unconfirmed                        int
	bytes                              int64
	failed                             []string
	// tried counts the finished jobs.
	tried int
	// first is the first failure; last the one that ended the batch.
	first, last error
}

const failuresShown = 5

// batch moves files over as many sessions as the shell may have, and reports each and all. After a
// failure the others go on; the loss of the connection ends the batch.
func (s *Shell) batch(ctx context.Context, jobs []job, t *tally) error {
	start := time.Now()
	p := s.watch(len(jobs), sizes(jobs))
	next := make(chan job)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	spoken := client.Auto
	if s.main.client != nil {
		spoken = s.main.client.Exchange()
	}
	var workers sync.WaitGroup
	for i := range min(max(s.Parallel, 1), len(jobs)) {
		l := s.main
		if i > 0 {
			l = &link{shell: s, server: s.main.server, as: s.main.as, exchange: spoken}
		}
		workers.Go(func() {
			for j := range next {
				r := l.transfer(ctx, p, j)
				t.count(&r)
				if isOffline(r.err) {
					stop(r.err)
				}
			}
			if l != s.main {
				l.leave(ctx)
			}
		})
	}
feed:
	for _, j := range jobs {
		select {
		case next <- j:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	s.screen.clear()
	return t.sum(ctx, len(jobs), time.Since(start))
}

// isOffline reports whether an error means that there is no connection any more.
func isOffline(err error) bool {
	return isAny(err, client.ErrLost, client.ErrConnect)
}

// sizes is the sum of all sizes in bytes, -1 if one is unknown.
func sizes(jobs []job) (sum int64) {
	for _, j := range jobs {
		if j.size < 0 {
			return -1
		}
		sum += j.size
	}
	return sum
}

func (t *tally) count(r *result) {
	t.shell.report.Lock()
	defer t.shell.report.Unlock()
	// What was interrupted because the batch ended is no failure of its own.
	if t.last != nil && r.Outcome == outcomeInterrupted {
		return
	}
	t.tried++
	t.add(r)
}

// fail reports and adds a failure that is no transfer's own.
func (t *tally) fail(r result, err error) {
	r.fail(err)
	t.add(&r)
}

// add reports a result and adds it. It belongs to one goroutine at a time.
func (t *tally) add(r *result) {
	t.shell.tell(r)
	switch {
	case r.Outcome == outcomeSame:
		t.same++
	case r.Outcome == outcomeSkipped:
		t.skipped++
	case r.err == nil && r.Command == "mkdir":
		t.made++
	case r.err == nil && r.removes():
		t.removed++
	case r.err == nil:
		t.done++
		t.bytes += r.Bytes
		if r.Outcome == outcomeUnconfirmed {
			t.unconfirmed++
		}
	default:
		if t.first == nil {
			t.first = r.err
		}
		if isOffline(r.err) || errors.Is(r.err, client.ErrGivenUp) {
			t.last = r.err
		}
		t.failed = append(t.failed, r.shown())
		t.shell.complain(r.err)
	}
}

// verdict is the first failure, which was reported.
func (t *tally) verdict() error {
	if t.first == nil {
		return nil
	}
	return &reportedError{t.first}
}

// sum reports the outcome of a batch, and returns an error if it was not all that was wanted.
func (t *tally) sum(ctx context.Context, files int, took time.Duration) error {
	s := t.shell
	text := countText(t.done, "file") + ", " + bytesText(t.bytes)
	if t.done > 0 {
		text += " " + paceText(t.bytes, took)
	}
	if t.unconfirmed > 0 {
		text += fmt.Sprintf("; %d not confirmed", t.unconfirmed)
	}
	if t.same > 0 {
		text += fmt.Sprintf("; %d unchanged", t.same)
	}
	if t.skipped > 0 {
		text += fmt.Sprintf("; %d skipped", t.skipped)
		if s.Quiet && !s.JSON {
			s.complain(fmt.Errorf("%d skipped: %s", t.skipped, notPlainNote))
		}
	}
	if files > 0 || t.same > 0 {
		s.say("%s", text)
	}
	missing := files - t.tried
	switch {
	case len(t.failed) == 0 && missing <= 0 && t.first == nil:
		return nil
	case t.first == nil:
		t.first = &client.Error{Kind: client.ErrGivenUp, Err: context.Cause(ctx)}
	case t.last != nil:
		// The end of the batch explains more than an earlier failure.
		t.first = t.last
	}
	line := fmt.Sprintf("%d failed", len(t.failed))
	if len(t.failed) > 0 {
		line += ": " + strings.Join(t.failed[:min(len(t.failed), failuresShown)], ", ")
	}
	if more := len(t.failed) - failuresShown; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	if missing > 0 {
		line += fmt.Sprintf("; %d not tried", missing)
	}
	s.complain(errors.New(line))
	return t.verdict()
}

func (t *tally) plan() string {
	var would []string
	if t.made > 0 {
		would = append(would, "make "+countText(t.made, "folder"))
	}
	if t.done > 0 {
		move := "move " + countText(t.done, "file")
		if t.bytes > 0 {
			move += " of " + bytesText(t.bytes)
		}
		would = append(would, move)
	}
	if t.removed > 0 {
		would = append(would, "remove "+countText(t.removed, "name"))
	}
	text := "nothing to do"
	if len(would) > 0 {
		text = "would " + strings.Join(would, ", ")
	}
	if t.same > 0 {
		text += fmt.Sprintf("; %d unchanged", t.same)
	}
	return text
}

func countText(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
