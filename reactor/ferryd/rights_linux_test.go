package main

import "golang.org/x/sys/unix"

// dropRights makes programs that this thread starts obey the modes of files, even those of root. A
// thread never gets back what it gives up here.
func dropRights() {
	for _, right := range []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH} {
		// An ordinary user has neither the rights nor the right to give them up.
		_ = unix.Prctl(unix.PR_CAPBSET_DROP, right, 0, 0, 0)
	}
}
