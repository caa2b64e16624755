package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where a harness ran. It holds no name of the machine or its owner, so that a result
// can be shown to others.
type Machine struct {
	// System is the operating system and architecture, such as linux/amd64.
	System string `json:"system"`
	// Kernel is the system's release, and Processor the processors' model. Empty: not known.
	Kernel    string `json:"kernel,omitempty"`
	Processor string `json:"processor,omitempty"`
	// Processors is how many the harness could use.
	Processors int `json:"processors"`
	// Memory is the machine's, in bytes. 0: not known.
	Memory int64 `json:"memory_bytes,omitempty"`
	// Go is the version that the harness was built with.
	Go string `json:"go"`
}

// ThisMachine describes the machine that this runs on, as far as the system tells.
func ThisMachine() Machine {
	return Machine{
		System:     runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:     firstLine("/proc/sys/kernel/osrelease"),
		Processor:  procValue("/proc/cpuinfo", "model name"),
		Processors: runtime.GOMAXPROCS(0),
		Memory:     memoryBytes(procValue("/proc/meminfo", "MemTotal")),
		Go:         runtime.Version(),
	}
}

// AllCPU gives the processor time that all programs of the machine have used since it began, user
// and system, to a hundredth of a second. It knows Linux's /proc only and gives an error elsewhere.
func AllCPU() (time.Duration, error) {
	line := firstLine("/proc/stat")
	fields := strings.Fields(line)
	// Places in "cpu user nice system idle iowait irq softirq steal".
	const idle, wait, steal = 4, 5, 8
	if len(fields) <= steal || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat: %q", line)
	}
	var sum int64
	for place, field := range fields[1 : steal+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if place+1 != idle && place+1 != wait {
			sum += n
		}
	}
	return time.Duration(sum) * clockTick, nil
}

// String is the machine in a line.
func (m Machine) String() string {
	parts := []string{m.System}
	if m.Kernel != "" {
		parts = append(parts, m.Kernel)
	}
	processors := fmt.Sprintf("%d processors", m.Processors)
	if m.Processors == 1 {
		processors = "1 processor"
	}
	if m.Processor != "" {
		processors += " (" + m.Processor + ")"
	}
	parts = append(parts, processors)
	if m.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)))
	}
	return strings.Join(append(parts, m.Go), ", ")
}

func firstLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// procValue is what stands behind "key:" in a file of such lines, at the first of them.
func procValue(name, key string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if k, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// memoryBytes reads /proc/meminfo's "16384 kB".
func memoryBytes(text string) int64 {
	kb, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
