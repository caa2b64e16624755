package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
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

// MachineCPU is the processor time that all programs have used since the machine started. Linux
// alone tells it.
func MachineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat: %q", line)
	}
	var sum int64
	// cpu user nice system idle iowait irq softirq steal: all but idle and iowait.
	for _, place := range []int{1, 2, 3, 6, 7, 8} {
		n, parseErr := strconv.ParseInt(fields[place], 10, 64)
		err = errors.Join(err, parseErr)
		sum += n
	}
	return time.Duration(sum) * clockTick, err
}

// String is the machine in one line.
func (m Machine) String() string {
	parts := []string{m.System}
	if m.Kernel != "" {
		parts = append(parts, m.Kernel)
	}
	processors := plural(int64(m.Processors), "processor")
	if m.Processor != "" {
		processors += " (" + m.Processor + ")"
	}
	parts = append(parts, processors)
	if m.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)))
	}
	return strings.Join(append(parts, m.Go), ", ")
}

// brief is the machine without what distinguishes it from others of its kind.
func (m Machine) brief() string {
	parts := strings.SplitN(m.Kernel, ".", 3)
	kernel := strings.Join(parts[:min(2, len(parts))], ".")
	return strings.TrimSpace(m.System+" "+kernel) + ", " +
		plural(int64(m.Processors), "processor")
}
