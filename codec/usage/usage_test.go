package usage

import (
	"errors"
	"testing"

	"github.com/spf13/pflag"
)

// word is a flag with words of its own.
type word string

func (w *word) String() string { return string(*w) }

func (w *word) Set(string) error { return errors.New("give none or commit") }

func (w *word) Type() string { return "WORD" }

func TestBadValuesAreToldByWhatIsWanted(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.Bool("json", false, "")
	f.Duration("timeout", 0, "")
	f.Float64("alpha", 0, "")
	f.Float64Slice("rate", nil, "")
	f.Int("parallel", 0, "")
	f.Int64("min-rate", 0, "")
	f.IntSlice("clients", nil, "")
	f.Var(new(word), "durability", "")
	for argument, want := range map[string]string{
		"--json=maybe":                    "--json maybe: neither true nor false",
		"--timeout=5x":                    "--timeout 5x: not a duration such as 30s or 5m",
		"--timeout=5":                     "--timeout 5: not a duration such as 30s or 5m",
		"--timeout=":                      `--timeout "": not a duration such as 30s or 5m`,
		"--alpha=x":                       "--alpha x: not a number such as 0.05",
		"--rate=1,x":                      "--rate 1,x: not numbers such as 100,2500.5",
		"--parallel=1.5":                  "--parallel 1.5: not a whole number",
		"--parallel=1 0":                  `--parallel "1 0": not a whole number`,
		"--parallel=99999999999999999999": "--parallel 99999999999999999999: too large a number",
		"--min-rate=x":                    "--min-rate x: not a whole number",
		"--clients=1,x":                   "--clients 1,x: not whole numbers such as 1,10,100",
		"--durability=x":                  "--durability x: give none or commit",
		"--nosuch":                        "unknown flag: --nosuch",
	} {
		err := f.Parse([]string{argument})
		if err == nil || Error(err).Error() != want {
			t.Errorf("%s: %v, want %s", argument, Error(err), want)
		}
	}
}
