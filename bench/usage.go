package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Everything here reads Linux's /proc; on other systems usage is unknown.

// clockTick is the unit of /proc's times on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// CPU is the processor time, user and system, that a process has used. It sums what the scheduler
// counted for each thread, to the nanosecond. Threads that have ended are in the process's own
// times alone, in hundredths of a second: the larger of both counts.
func CPU(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(procFile(pid, "task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread ended just now
		}
		ran, _, _ := bytes.Cut(text, []byte(" "))
		n, parseErr := strconv.ParseInt(string(ran), 10, 64)
		if err = errors.Join(err, parseErr); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += time.Duration(n)
	}
	whole, err := statTimes(pid, statOwn)
	return max(sum, whole), err
}

// Places of pairs of times, user and system, in a stat file behind the program's name.
const (
	statOwn    = 11 // the process's
	statReaped = 13 // of its children that it has waited for
)

// statTimes is the sum of the two times at a place. The program's name before them is in
// parentheses and may hold anything, so places count behind the last parenthesis.
func statTimes(pid, place int) (time.Duration, error) {
	text, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < place+2 {
		return 0, fmt.Errorf("process %d: %d fields in stat", pid, len(fields))
	}
	user, err := strconv.ParseInt(string(fields[place]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[place+1]), 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

// usageOf is the processor time that a process has used; nil if unknown.
func usageOf(pid int) *Usage {
	d, err := CPU(pid)
	if err != nil {
		return nil
	}
	return &Usage{CPU: d.Seconds()}
}

// since is the processor time used after an earlier moment.
func (u *Usage) since(before *Usage) *Usage {
	if u == nil || before == nil || u.CPU < before.CPU {
		return nil
	}
	return &Usage{CPU: u.CPU - before.CPU}
}

// family is a process and all its descendants: a server may serve each session by a process.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(procFile(all[i], "task/*/children")) // the pattern is valid
		for _, name := range lists {
			text, _ := os.ReadFile(name) // a process that ended has no children
			for field := range bytes.FieldsSeq(text) {
				if child, err := strconv.Atoi(string(field)); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// Descends says whether a process is another one or its descendant, as far as the system tells.
func Descends(pid, from int) bool { return slices.Contains(family(from), pid) }

// familyUsage is what a process and its descendants use now. CPU includes descendants that have
// ended and were waited for; without whole it is all that is looked at.
func familyUsage(pid int, whole bool) (*Usage, error) {
	u := &Usage{}
	for _, one := range family(pid) {
		own, err := CPU(one)
		if err != nil {
			if one == pid {
				return nil, err
			}
			continue // it ended just now, and its parent's sum will include it
		}
		reaped, _ := statTimes(one, statReaped)
		u.CPU += (own + reaped).Seconds()
		if whole {
			u.PSS += memory(one)
			u.Descriptors += entries(procFile(one, "fd"))
			u.Threads += entries(procFile(one, "task"))
		}
	}
	return u, nil
}

// memory is a process's memory in bytes, shared pages divided among those who share them. 0 if
// unknown.
func memory(pid int) int64 {
	text, err := os.ReadFile(procFile(pid, "smaps_rollup"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
	value, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	kib, _ := strconv.ParseInt(string(value), 10, 64) // 0 for anything else
	return kib << 10
}

func entries(folder string) int64 {
	names, _ := os.ReadDir(folder) // what was read before an error counts
	return int64(len(names))
}

// usageWatch samples a server's usage while a turn runs. Its zero value watches nothing.
type usageWatch struct {
	pid     int
	before  float64 // processor time at the begin
	samples []Usage
	stop    func()
}

// watchCost limits the cost of sampling: a full look is followed by a pause so many times as long.
const watchCost = 20

// watchUsage starts to sample a process and its descendants, if they can be seen.
func watchUsage(pid int) *usageWatch {
	w := &usageWatch{pid: pid}
	if pid == 0 {
		return w
	}
	first, err := familyUsage(pid, false)
	if err != nil {
		return w
	}
	w.before = first.CPU
	var last Usage
	cpu := w.before
	var next time.Time
	w.stop = everyTick(sampleEvery, func(begin time.Time) {
		whole := begin.After(next)
		now, err := familyUsage(pid, whole)
		if err == nil && whole {
			last = *now
			next = time.Now().Add(watchCost * time.Since(begin))
		} else if err == nil {
			last.CPU = now.CPU
		}
		piece := last
		piece.CPU = max(0, last.CPU-cpu)
		cpu = last.CPU
		w.samples = append(w.samples, piece)
	})
	return w
}

// end writes what was used to the turn and returns the samples.
func (w *usageWatch) end(t *Turn) []Usage {
	if w.stop == nil {
		return nil
	}
	after, err := familyUsage(w.pid, true)
	w.stop()
	if err != nil {
		return w.samples
	}
	after.CPU = max(0, after.CPU-w.before)
	for _, s := range w.samples {
		after.PSS = max(after.PSS, s.PSS)
		after.Descriptors = max(after.Descriptors, s.Descriptors)
		after.Threads = max(after.Threads, s.Threads)
	}
	t.Server = after
	return w.samples
}
