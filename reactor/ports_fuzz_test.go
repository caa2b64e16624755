package reactor

import (
	"regexp"
	"testing"
)

// FuzzPortRange holds what the flag takes against its help: a number, or two with a hyphen between.
func FuzzPortRange(f *testing.F) {
	for _, text := range []string{
		"64", "30000-30063", "0", "-1", "1-", "30000-70000", "5 6", "5\n6", "0-9", "007", "1_0", "",
		"30000-0x7600", "30000- 30063",
	} {
		f.Add(text)
	}
	shape := regexp.MustCompile(`\A0*([0-9]{1,5}|[0-9]{1,5}-0*[0-9]{1,5})\z`)
	f.Fuzz(func(t *testing.T, text string) {
		var p PortRange
		if err := p.Set(text); err != nil {
			if p != (PortRange{}) {
				t.Errorf("%q was refused, and is %v", text, p)
			}
			return
		}
		if p.validate("--data-ports", portsMin, 1) != nil {
			return
		}
		if !shape.MatchString(text) {
			t.Errorf("%q is taken for %v", text, p)
		}
		var again PortRange
		if err := again.Set(p.String()); err != nil || again != p {
			t.Errorf("%q became %v, and that %v, %v", text, p, again, err)
		}
	})
}
