package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// clockTick is the unit of /proc's times on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPU gives the processor time, user and system, that a process has used since it began. It sums
// what the scheduler counted for each thread, to the nanosecond. Threads that have ended are in
// the process's own times alone, to a hundredth of a second: where these are more, and where the
// scheduler counts nothing, they serve. It knows Linux's /proc only and gives an error elsewhere.
func CPU(pid int) (time.Duration, error) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	threads, err := filepath.Glob(filepath.Join(folder, "task", "*", "schedstat"))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		ran, _, _ := bytes.Cut(text, []byte(" "))
		n, err := strconv.ParseInt(string(ran), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += time.Duration(n)
	}
	whole, err := ticks(filepath.Join(folder, "stat"), statOwn)
	return max(sum, whole), err
}

// Places of pairs of times in a stat file, user and system, counted from the field behind the
// program's name: the process's own, and those of its children that it has waited for.
const (
	statOwn    = 11
	statReaped = 13
)

// ticks reads the pair of times at a place. The second field holds the program's name in
// parentheses, which may itself hold spaces and parentheses: counting begins behind the last one.
func ticks(name string, place int) (time.Duration, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < place+2 {
		return 0, fmt.Errorf("%s: %d fields", name, len(fields))
	}
	var sum int64
	for _, f := range fields[place : place+2] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += n
	}
	return time.Duration(sum) * clockTick, nil
}
