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

// tally is what came of a batch. Its lock is the shell's report, under which every result of a
// batch is told.
type tally struct {
	done, same, skipped int
	unconfirmed         int
	bytes               int64
	// removed counts what a mirror took away. A dry run found so many files to move, unsized of
	// which nobody told the size, folders to make, and names to remove.
	removed                         int
	planned, unsized, folders, gone int
	failed                          []string
	// tried counts the jobs that came to an end of their own.
	tried int
	// first is the first failure; last is the one that ended the batch.
	first, last error
}

// failuresShown is how many failed files the summary of a batch names: their errors stand above.
const failuresShown = 5

// batch moves files, over as many sessions as the shell may have, and says what came of each and of
// all. A failure of one is not the end of the others; the end of the connection is.
func (s *Shell) batch(ctx context.Context, jobs []job, before *tally) error {
	if before == nil {
		before = new(tally)
	}
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
			l = &link{shell: s, addr: s.main.addr, exchange: spoken}
		}
		workers.Go(func() {
			s.work(ctx, l, p, next, before, stop)
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
	return s.sum(ctx, before, len(jobs), time.Since(start))
}

// sizes is how many bytes all jobs have, -1 if a size is not known.
func sizes(jobs []job) (sum int64) {
	for _, j := range jobs {
		if j.size < 0 {
			return -1
		}
		sum += j.size
	}
	return sum
}

// work moves files one after another until there are no more, or the session is gone for good.
func (s *Shell) work(
	ctx context.Context, l *link, p *progress, next <-chan job, t *tally,
	stop context.CancelCauseFunc,
) {
	for j := range next {
		r := s.transfer(ctx, l, p, j)
		s.count(t, &r)
		if errors.Is(r.err, client.ErrLost) || errors.Is(r.err, client.ErrConnect) {
			stop(r.err)
		}
	}
}

// count tells the result of a job and adds it to the tally.
func (s *Shell) count(t *tally, r *result) {
	s.report.Lock()
	defer s.report.Unlock()
	// What was cut short because the batch ended is no failure of its own.
	if t.last != nil && r.Outcome == outcomeInterrupted {
		return
	}
	t.tried++
	s.add(t, r)
}

// add tells a result and adds it to the tally. It belongs to one goroutine at a time.
func (s *Shell) add(t *tally, r *result) {
	s.tell(r)
	switch {
	case r.Outcome == outcomeSame:
		t.same++
	case r.Outcome == outcomeSkipped:
		t.skipped++
	case r.Outcome == outcomePlanned:
		t.plans(r)
	case r.err == nil && r.Command == "mkdir":
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
		if errors.Is(r.err, client.ErrLost) || errors.Is(r.err, client.ErrConnect) ||
			errors.Is(r.err, client.ErrGivenUp) {
			t.last = r.err
		}
		t.failed = append(t.failed, r.shown())
		s.complain(r.err)
	}
}

// addFailure adds a failure that is no transfer's own.
func (s *Shell) addFailure(t *tally, r result, err error) {
	r.fail(err)
	s.add(t, &r)
}

// sum says what came of a batch, and returns an error if it was not all that was wanted.
func (s *Shell) sum(ctx context.Context, t *tally, files int, took time.Duration) error {
	text := fmt.Sprintf("%s, %s", countText(t.done, "file", "files"), bytesText(t.bytes))
	if t.done > 0 {
		text += " " + paceText(t.bytes, took)
	}
	if t.unconfirmed > 0 {
		text += fmt.Sprintf("; %d not confirmed", t.unconfirmed)
	}
	if t.same > 0 {
		text += fmt.Sprintf("; %d the same already", t.same)
	}
	if t.skipped > 0 {
		text += fmt.Sprintf("; %d skipped", t.skipped)
		if s.Quiet && !s.JSON {
			s.complain(fmt.Errorf("%d skipped: neither a plain file nor a folder", t.skipped))
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
		// The end of the batch says more than what went wrong before it.
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
	return &toldError{t.first}
}

// plans adds what a dry run found.
func (t *tally) plans(r *result) {
	switch {
	case r.removes():
		t.gone++
	case r.Command == "mkdir":
		t.folders++
	default:
		t.planned++
		t.bytes += r.Bytes
		if r.unsized {
			t.unsized++
		}
	}
}

// plan is what a dry run says in the end.
func (t *tally) plan() string {
	var would []string
	if t.folders > 0 {
		would = append(would, "make "+countText(t.folders, "folder", "folders"))
	}
	if t.planned > 0 {
		move := "move " + countText(t.planned, "file", "files")
		if t.unsized == 0 {
			move += " of " + bytesText(t.bytes)
		}
		would = append(would, move)
	}
	if t.gone > 0 {
		would = append(would, "remove "+countText(t.gone, "name", "names"))
	}
	text := "nothing to do"
	if len(would) > 0 {
		text = "would " + strings.Join(would, ", ")
	}
	if t.same > 0 {
		text += fmt.Sprintf("; %d the same already", t.same)
	}
	return text
}

func countText(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
