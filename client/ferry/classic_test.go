package main

import (
	"regexp"
	"testing"

	"ferry/client"
	"ferry/client/shell"
)

func TestClassicPortsAreThree(t *testing.T) {
	p := classicPorts{control: client.ClassicPort}
	for _, text := range []string{
		"", "1", "1,2", "1,2,3,4", "0,2,3", "1,2,65536", "1,2,x", "1, 2,3", "1,2,2", "-1,2,3",
	} {
		if err := p.Set(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	p = classicPorts{control: client.ClassicPort}
	var sh shell.Shell
	if p.String() != "" || p.apply(&sh) != nil || sh.Port != 0 {
		t.Errorf("nothing given: %q, %+v", p.String(), &sh)
	}
	sh.Options.Exchange = client.Classic
	if err := p.apply(&sh); err != nil || sh.Port != 20021 ||
		sh.Options.ClassicFiles != 0 || sh.Options.ClassicMessages != 0 {
		t.Errorf("--classic alone: %v, %+v", err, &sh)
	}
	if err := p.Set("1,65535,3"); err != nil || p.String() != "1,65535,3" {
		t.Errorf("%q, %v", p.String(), err)
	}
	if err := p.apply(&sh); err != nil || sh.Port != 1 ||
		sh.Options.ClassicFiles != 65535 || sh.Options.ClassicMessages != 3 {
		t.Errorf("with ports: %v, %+v", err, &sh)
	}
	if err := p.apply(new(shell.Shell)); err == nil {
		t.Error("--classic-ports was taken without --classic")
	}
}

// FuzzClassicPorts holds what the flag takes against its help: three ports from 1 up.
func FuzzClassicPorts(f *testing.F) {
	for _, text := range []string{
		"20021,20020,20023", "1,2,2", "0,1,2", "1,2", "1,2,65536", "1, 2,3", "+1,2,3", "007,2,3",
	} {
		f.Add(text)
	}
	shape := regexp.MustCompile(`\A[0-9]+,[0-9]+,[0-9]+\z`)
	f.Fuzz(func(t *testing.T, text string) {
		var p, again classicPorts
		if p.Set(text) != nil {
			return
		}
		if !shape.MatchString(text) || p.control == 0 || p.files == 0 || p.messages == 0 ||
			p.files == p.messages {
			t.Errorf("%q became %+v", text, p)
		}
		if err := again.Set(p.String()); err != nil || again != p {
			t.Errorf("%q became %+v, and that %+v, %v", text, p, again, err)
		}
	})
}
