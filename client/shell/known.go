package shell

import (
	"errors"
	"fmt"
	"strings"

	"ferry/client"
)

// known is a line of the file of known servers: HOST:PORT and the SHA-256 of its certificate.
type known struct {
	addr string
	pin  client.Pin
}

var errKnown = errors.New("a line is HOST:PORT and a SHA-256, and no server has two")

// parseKnown reads the text of such a file. A line that cannot be read could be the one that
// matters, so that it spoils the whole file.
func parseKnown(path, text string) ([]known, error) {
	var all []known
	seen, n := make(map[string]bool), 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", path, n)
		if len(words) != 2 || seen[words[0]] {
			return nil, fmt.Errorf("%s: %w", where, errKnown)
		}
		print, err := client.ParseFingerprint(words[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, errKnown)
		}
		seen[words[0]] = true
		all = append(all, known{words[0], client.Pin{Fingerprint: print, Where: where}})
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
	for _, k := range all {
		if strings.EqualFold(k.addr, addr) {
			return &k.pin, nil
		}
	}
	return nil, err
}

// keepPin adds a server to the file as it is now.
func (s *Shell) keepPin(addr string, print client.Fingerprint) error {
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
	return writeWhole(s.KnownHosts, fmt.Sprintf("%s%s %v\n", text, strings.ToLower(addr), print))
}
