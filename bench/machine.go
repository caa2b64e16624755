package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where the harness ran. It does not identify the machine or its owner, so that a result
// can be shown to others.
type Machine struct {
	System     string `json:"system"`              // such as linux/amd64
	Kernel     string `json:"kernel,omitempty"`    // the system's release, if known
	Processor  string `json:"processor,omitempty"` // the model, if known
	Processors int    `json:"processors"`          // that the harness could use
	Memory     int64  `json:"memory_bytes,omitempty"`
	Go         string `json:"go"`
}

// ThisMachine describes the current machine, as far as the system tells.
func ThisMachine() Machine {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // empty elsewhere
	kib, _, _ := strings.Cut(procValue("/proc/meminfo", "MemTotal"), " ")
	memory, _ := strconv.ParseInt(kib, 10, 64)
	return Machine{
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:     strings.TrimSpace(string(release)),
		Processor:  procValue("/proc/cpuinfo", "model name"),
		Processors: runtime.GOMAXPROCS(0),
		Memory:     memory << 10,
		Go:         runtime.Version(),
	}
}

// procValue is the value behind the first "key:" in a file.
func procValue(name, key string) string {
	text, _ := os.ReadFile(name) // empty elsewhere
	for line := range strings.Lines(string(text)) {
		if k, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String is the machine in one line.
func (m Machine) String() string {
	return fmt.Sprintf("%s %s, %s (%s), %s, %s", m.System, m.Kernel,
		plural(int64(m.Processors), "processor"), m.Processor, unitBytes.show(float64(m.Memory)),
		m.Go)
}
