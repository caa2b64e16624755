package bench

import "golang.org/x/sys/unix"

// loopServes says that this system has the event loop.
const loopServes = true

func newLoops(s share, m *mix) (team, error) {
	l, err := newLoop(s, m)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// descriptorsMax is how many descriptors a process may open.
func descriptorsMax() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<20))
}
