package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ferry/client"
	"ferry/client/shell"
)

// classicPorts is a flag of three ports. Files and messages stay 0 if it is not given: then they
// are relative to control's.
type classicPorts struct{ control, files, messages uint16 }

var (
	errPorts  = errors.New("give three ports from 1 to 65535, such as 20021,20020,20023")
	errAlone  = errors.New("--classic-ports goes with --classic")
	errShared = errors.New("files and messages need a port each")
)

// String is the flag's text, empty until it is given.
func (p *classicPorts) String() string {
	if p.files == 0 {
		return ""
	}
	return fmt.Sprintf("%d,%d,%d", p.control, p.files, p.messages)
}

// Set parses the flag's text.
func (p *classicPorts) Set(text string) error {
	parts := strings.Split(text, ",")
	to := []*uint16{&p.control, &p.files, &p.messages}
	if len(parts) != len(to) {
		return errPorts
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 {
			return errPorts
		}
		*to[i] = uint16(n)
	}
	if p.files == p.messages {
		return errShared
	}
	return nil
}

// Type is the value's name in help.
func (p *classicPorts) Type() string { return "C,D,M" }

// apply passes the ports to a shell that speaks classic.
func (p *classicPorts) apply(s *shell.Shell) error {
	if s.Options.Exchange != client.Classic {
		if p.files != 0 {
			return errAlone
		}
		return nil
	}
	s.Port = p.control
	s.Options.ClassicFiles, s.Options.ClassicMessages = p.files, p.messages
	return nil
}
