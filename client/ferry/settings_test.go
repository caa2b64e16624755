package main

import (
	"testing"

	"github.com/spf13/pflag"
)

// TestInvalidFlagsAreExplained holds what stands on the line of a slip of the finger.
func TestInvalidFlagsAreExplained(t *testing.T) {
	for given, want := range map[string]string{
		"--nope": "--nope: no such flag", "-s": "-s: no such flag", "-qs": "-s: no such flag",
		"--timeout=x": "--timeout x: not a valid duration",
	} {
		to := pflag.NewFlagSet("", pflag.ContinueOnError)
		newProgram().addFlags(to)
		if err := flagError(to.Parse([]string{given})); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", given, err, want)
		}
	}
}
