package shell

import (
	"errors"
	"fmt"
	"strings"

	"ferry/client"
)

var errKnown = errors.New("a line is HOST:PORT and a SHA-256, and no server has two")

// parseKnown reads a file of known servers, a line each: HOST:PORT and the SHA-256 of its
// certificate. A line that cannot be read could be the one that matters, so it spoils the file.
func parseKnown(path, text string) (map[string]client.Pin, error) {
	all, n := make(map[string]client.Pin), 0
	for line := range strings.Lines(text) {
		n++
		words := append(strings.Fields(line), "", "", "")
		if words[0] == "" || words[0][0] == '#' {
			continue
		}
		addr, where := strings.ToLower(words[0]), fmt.Sprintf("%s:%d", path, n)
		sum, err := client.ParseFingerprint(words[1])
		if _, twice := all[addr]; twice || err != nil || words[2] != "" {
			return nil, fmt.Errorf("%s: %w", where, errKnown)
		}
		all[addr] = client.Pin{Fingerprint: sum, Where: where}
	}
	return all, nil
}

// pinOf is the certificate that is known of a server, nil if none is.
func (s *Shell) pinOf(addr string) (*client.Pin, error) {
	text, err := readConfig(s.KnownHosts)
	if err != nil {
		return nil, err
	}
	all, err := parseKnown(s.KnownHosts, text)
	if pin, known := all[strings.ToLower(addr)]; known {
		return &pin, nil
	}
	return nil, err
}

// keepPin adds a server to the file as it is now.
func (s *Shell) keepPin(addr string, sum client.Fingerprint) error {
	pin, err := s.pinOf(addr)
	if err == nil && pin != nil {
		err = fmt.Errorf("%s: %s is there by now", pin.Where, addr)
	}
	text := ""
	if err == nil {
		text, err = readConfig(s.KnownHosts)
	}
	if err != nil {
		return err
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return writeWhole(s.KnownHosts, fmt.Sprintf("%s%s %v\n", text, strings.ToLower(addr), sum))
}
