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

// usageOf is what a process has used of the processor so far, and nothing else; nil where it is
// not known.
func usageOf(pid int) *Usage {
	if pid == 0 {
		return nil
	}
	d, err := CPU(pid)
	if err != nil {
		return nil
	}
	return &Usage{CPU: d.Seconds()}
}

// since is what was used after an earlier moment; memory and counts are the later one's.
func (u *Usage) since(before *Usage) *Usage {
	if u == nil || before == nil || u.CPU < before.CPU {
		return nil
	}
	later := *u
	later.CPU -= before.CPU
	return &later
}

// family finds a process and all that descend from it. A server that serves each session by a
// process of its own is all of them.
func family(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i]))
		if err != nil {
			return all
		}
		for _, name := range lists {
			text, _ := os.ReadFile(name) // who ended meanwhile has no children
			for field := range bytes.FieldsSeq(text) {
				if child, err := strconv.Atoi(string(field)); err == nil {
					all = append(all, child)
				}
			}
		}
	}
	return all
}

// Descends says whether a process is another one or descends from it. Where the system does not
// tell, it does not.
func Descends(pid, from int) bool { return slices.Contains(family(from), pid) }

// familyCPU is the processor time that a process and its descendants have used, those included that
// have ended and were waited for.
func familyCPU(pid int) (time.Duration, error) {
	var sum time.Duration
	for _, one := range family(pid) {
		own, err := CPU(one)
		if err != nil {
			if one == pid {
				return 0, err
			}
			continue // it ended meanwhile, and its parent's sum will have it
		}
		reaped, err := ticks(filepath.Join("/proc", strconv.Itoa(one), "stat"), statReaped)
		if err != nil {
			continue
		}
		sum += own + reaped
	}
	return sum, nil
}

// familyUsage is what a process and its descendants use now: processor time since they began,
// memory, descriptors and threads.
func familyUsage(pid int) (*Usage, error) {
	cpu, err := familyCPU(pid)
	if err != nil {
		return nil, err
	}
	u := &Usage{CPU: cpu.Seconds()}
	for _, one := range family(pid) {
		folder := filepath.Join("/proc", strconv.Itoa(one))
		u.PSS += pss(folder)
		u.Descriptors += entries(filepath.Join(folder, "fd"))
		u.Threads += entries(filepath.Join(folder, "task"))
	}
	return u, nil
}

// pss is a process's memory in bytes, shared pages divided among those who share them. 0: not
// known.
func pss(folder string) int64 {
	text, err := os.ReadFile(filepath.Join(folder, "smaps_rollup"))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nPss:"))
	value, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	kib, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

func entries(folder string) int64 {
	d, err := os.Open(folder)
	if err != nil {
		return 0
	}
	defer func() { _ = d.Close() }() // it was only read
	names, _ := d.Readdirnames(-1)   // what was read before an error counts
	return int64(len(names))
}

// watch samples a server while a turn runs.
type watch struct {
	pid     int
	before  time.Duration
	samples []Usage
	stop    chan struct{}
	stopped chan struct{}
}

// watchCost bounds what looking costs: after a look the watch rests so many times as long as that
// took.
const watchCost = 20

// startWatch begins to sample a process and its descendants; nil when there is none to be seen.
func startWatch(pid int) (*watch, error) {
	if pid == 0 {
		return nil, errors.New("the server's process is not known")
	}
	before, err := familyCPU(pid)
	if err != nil {
		return nil, err
	}
	w := &watch{
		pid: pid, before: before, stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// run takes a sample at each sampleEvery's end. One that would cost too much is left out and filled
// with the one before it.
func (w *watch) run() {
	defer close(w.stopped)
	every := time.NewTicker(sampleEvery)
	defer every.Stop()
	var last Usage
	var until time.Time
	cpu := w.before
	for {
		select {
		case <-w.stop:
			return
		case <-every.C:
		}
		begin := time.Now()
		if begin.After(until) {
			if u, err := familyUsage(w.pid); err == nil {
				last = *u
			}
			until = time.Now().Add(watchCost * time.Since(begin))
		} else if now, err := familyCPU(w.pid); err == nil {
			last.CPU = now.Seconds()
		}
		piece := last
		piece.CPU = max(0, last.CPU-cpu.Seconds())
		cpu = time.Duration(last.CPU * float64(time.Second))
		w.samples = append(w.samples, piece)
	}
}

// end gives what was used since the begin, and the samples.
func (w *watch) end() (*Usage, []Usage) {
	after, err := familyUsage(w.pid)
	close(w.stop)
	<-w.stopped
	if err != nil {
		return nil, w.samples
	}
	after.CPU = max(0, after.CPU-w.before.Seconds())
	for _, s := range w.samples {
		after.PSS = max(after.PSS, s.PSS)
		after.Descriptors = max(after.Descriptors, s.Descriptors)
		after.Threads = max(after.Threads, s.Threads)
	}
	return after, w.samples
}
