package shell

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// netrcEntry is what a .netrc says of a machine.
type netrcEntry struct {
	// machine is "" for the default.
	machine, login, password string
}

var (
	errNetrcQuote = errors.New("a quote is not closed")
	errNetrcWord  = errors.New("a word is missing at its end")
	errNetrcOrder = errors.New("login and password stand behind machine or default")
	errNetrcMode  = errors.New("others may read the passwords in it; chmod 600 forbids that")
)

// parseNetrc reads the text of a .netrc as curl does. What it does not know it skips.
func parseNetrc(text string) ([]netrcEntry, error) {
	words, err := netrcWords(text)
	if err != nil {
		return nil, err
	}
	var all []netrcEntry
	var skipped string
	for i := 0; i < len(words); i++ {
		to, last := &skipped, len(all)-1
		switch word := words[i]; {
		case word == "machine" || word == "default":
			all = append(all, netrcEntry{})
			if to = &all[last+1].machine; word == "default" {
				continue
			}
		case word == "account":
		case word != "login" && word != "password":
			continue
		case last < 0:
			return nil, errNetrcOrder
		case word == "login":
			to = &all[last].login
		default:
			to = &all[last].password
		}
		if i++; i == len(words) {
			return nil, errNetrcWord
		}
		*to = words[i]
	}
	return all, nil
}

// netrcWords splits the text. It leaves out comments, and macros, which end with an empty line.
func netrcWords(text string) (words []string, err error) {
	macro := false
	for line := range strings.Lines(text) {
		line = strings.TrimLeft(line, netrcBlanks)
		macro = macro && line != ""
		for line != "" && line[0] != '#' && !macro {
			var word string
			if word, line, err = netrcNext(line); err != nil {
				return nil, err
			}
			if macro = word == "macdef"; !macro {
				words = append(words, word)
			}
		}
	}
	return words, nil
}

const netrcBlanks = " \t\r\n"

// netrcNext takes the first word of a line. In double quotes a backslash precedes a quote, a
// backslash, and the n, r and t of control characters.
func netrcNext(line string) (word, rest string, err error) {
	if line[0] != '"' {
		end := strings.IndexAny(line+" ", netrcBlanks)
		return line[:end], strings.TrimLeft(line[end:], netrcBlanks), nil
	}
	var b strings.Builder
	for at := 1; at < len(line); at++ {
		switch c := line[at]; {
		case c == '"':
			return b.String(), strings.TrimLeft(line[at+1:], netrcBlanks), nil
		case c == '\\' && at+1 < len(line):
			at++
			b.WriteString(netrcEscapes.Replace(line[at : at+1]))
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errNetrcQuote
}

var netrcEscapes = strings.NewReplacer("n", "\n", "r", "\r", "t", "\t")

// fromNetrc returns the first entry of a file for a host, and for a user unless that is "". A file
// that is not there has none. Passwords that others may read are not used, as by ftp.
func fromNetrc(path, host, user string) (netrcEntry, error) {
	text, err := readConfig(path)
	if err != nil {
		return netrcEntry{}, err
	}
	all, err := parseNetrc(text)
	if err != nil {
		return netrcEntry{}, fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range all {
		if e.machine != "" && !strings.EqualFold(e.machine, host) ||
			user != "" && e.login != "" && e.login != user {
			continue
		}
		info, err := os.Stat(path)
		if err == nil && e.password != "" && info.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
			err = fmt.Errorf("%s: %w", path, errNetrcMode)
		}
		return e, err
	}
	return netrcEntry{}, nil
}
