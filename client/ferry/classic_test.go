package main

import (
	"testing"

	"ferry/client"
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
	var shell client.Shell
	if p.String() != "" || p.apply(&shell) != nil || shell.Port != 0 {
		t.Errorf("nothing given: %q, %+v", p.String(), shell)
	}
	shell.Options.Classic = true
	if err := p.apply(&shell); err != nil || shell.Port != 20021 ||
		shell.Options.ClassicFiles != 0 || shell.Options.ClassicMessages != 0 {
		t.Errorf("--classic alone: %v, %+v", err, shell)
	}
	if err := p.Set("1,65535,3"); err != nil || p.String() != "1,65535,3" {
		t.Errorf("%q, %v", p.String(), err)
	}
	if err := p.apply(&shell); err != nil || shell.Port != 1 ||
		shell.Options.ClassicFiles != 65535 || shell.Options.ClassicMessages != 3 {
		t.Errorf("with ports: %v, %+v", err, shell)
	}
	if err := p.apply(new(client.Shell)); err == nil {
		t.Error("--classic-ports was taken without --classic")
	}
}
