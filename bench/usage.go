package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Everything here reads Linux's /proc; on other systems usage is unknown.

// clockTick is the unit of /proc's times on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// ticks are the sum of some fields of a line, as a time.
func ticks(fields [][]byte, places ...int) (sum time.Duration, err error) {
	for _, place := range places {
		if place >= len(fields) {
			return 0, fmt.Errorf("%d fields, not %d", len(fields), place)
		}
		n, parseErr := strconv.ParseInt(string(fields[place]), 10, 64)
		err = errors.Join(err, parseErr)
		sum += time.Duration(n) * clockTick
	}
	return sum, err
}

// processTimes are the times that a process used, user and system, and those of its children that
// it has waited for.
func processTimes(pid int) (own, reaped time.Duration, err error) {
	text, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return 0, 0, err
	}
	// The program's name is in parentheses and may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	own, err = ticks(fields, 11, 12)
	reaped, reapedErr := ticks(fields, 13, 14)
	return own, reaped, errors.Join(err, reapedErr)
}

// CPU is the processor time, user and system, that a process has used.
func CPU(pid int) (time.Duration, error) {
	own, _, err := processTimes(pid)
	return own, err
}

// MachineCPU is the processor time that all programs have used since the machine started.
func MachineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	// cpu user nice system idle iowait irq softirq steal: all but idle and iowait.
	return ticks(bytes.Fields(line), 1, 2, 3, 6, 7, 8)
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

// familyUsage is what a process and its descendants use now. CPU includes descendants that have
// ended and were waited for. It is nil if the process cannot be seen.
func familyUsage(pid int) *Usage {
	u := &Usage{}
	for _, one := range family(pid) {
		own, reaped, err := processTimes(one)
		if err != nil && one == pid {
			return nil
		}
		u.CPU += (own + reaped).Seconds()
		u.PSS += memory(one)
		u.Descriptors += entries(procFile(one, "fd"))
		u.Threads += entries(procFile(one, "task"))
	}
	return u
}

// memory is a process's memory in bytes, with shared pages divided among the processes that share
// them. 0 if unknown.
func memory(pid int) int64 {
	kib, _, _ := bytes.Cut([]byte(procValue(procFile(pid, "smaps_rollup"), "Pss")), []byte(" "))
	n, _ := strconv.ParseInt(string(kib), 10, 64) // 0 for anything else
	return n << 10
}

func entries(folder string) int64 {
	names, _ := os.ReadDir(folder) // what was read before an error counts
	return int64(len(names))
}

// watchUsage samples a process and its descendants each second until end is called, which returns
// the usage in between, nil if it is unknown, and the usage of each second.
func watchUsage(pid int) (end func() (*Usage, []Usage)) {
	before := (*Usage)(nil)
	if pid != 0 {
		before = familyUsage(pid)
	}
	if before == nil {
		return func() (*Usage, []Usage) { return nil, nil }
	}
	var samples []Usage
	last := before.CPU
	sample := func() *Usage {
		now := familyUsage(pid)
		if now != nil {
			piece := *now
			piece.CPU = max(0, now.CPU-last)
			samples, last = append(samples, piece), now.CPU
		}
		return now
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		second := time.NewTicker(sampleEvery)
		defer second.Stop()
		for {
			select {
			case <-second.C:
				sample()
			case <-stop:
				return
			}
		}
	})
	return func() (*Usage, []Usage) {
		close(stop)
		watch.Wait()
		whole := sample()
		if whole == nil {
			return nil, samples
		}
		whole.CPU = max(0, whole.CPU-before.CPU)
		for _, s := range samples {
			whole.PSS = max(whole.PSS, s.PSS)
			whole.Descriptors = max(whole.Descriptors, s.Descriptors)
			whole.Threads = max(whole.Threads, s.Threads)
		}
		return whole, samples
	}
}
