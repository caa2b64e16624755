package bench

import (
	"testing"
	"time"
)

func TestMachineCPUIncludesProcesses(t *testing.T) {
	own, err := CPU(1)
	if err != nil {
		t.Skipf("the first process is not to be seen: %v", err)
	}
	all, err := MachineCPU()
	// The two count in different steps.
	if err != nil || all < own-time.Second {
		t.Errorf("all programs used %v, %v, one of them %v", all, err, own)
	}
	if m := ThisMachine(); m.Processors < 1 || m.Memory < 1<<20 || m.Kernel == "" {
		t.Errorf("%+v", m)
	}
}
