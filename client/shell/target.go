package shell

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ferry/client"
)

// server is where a session goes.
type server struct {
	// addr is HOST:PORT.
	addr string
	// user logs in; "" means that the address names nobody. tls encrypts the session.
	user string
	tls  bool
}

// target is a server, and a place on it.
type target struct {
	server
	// folder is where names start from, without slashes at its ends; file is one to fetch.
	folder, file string
}

// schemes begin URLs; the second is encrypted.
var schemes = [...]string{"ferry", "ferrys"}

// place is a server and a folder as open accepts them.
func (s *server) place(folder string) string {
	if folder == "" && s.user == "" && !s.tls {
		return s.addr
	}
	u := url.URL{Scheme: schemes[0], Host: s.addr, Path: "/"}
	if s.tls {
		u.Scheme = schemes[1]
	}
	if s.user != "" {
		u.User = url.User(s.user)
	}
	if folder != "" {
		u.Path = "/" + folder + "/"
	}
	return u.String()
}

func noServer(word string) error {
	return &usageError{fmt.Errorf("%q has no port, and is no bookmark; a server is HOST PORT, "+
		"HOST:PORT, PORT on this machine, or ferry://HOST:PORT/PATH", word)}
}

func badPort(word string) error {
	return &usageError{fmt.Errorf("%q: no port; one is a number from 1 to 65535", word)}
}

// parseTarget parses a server at the start of words: a URL, a bookmark, HOST:PORT, HOST PORT or
// PORT, or HOST if there is a standard port.
func (s *Shell) parseTarget(words []string) (to target, rest []string, err error) {
	to, rest, err = s.parsePlace(words)
	switch {
	case s.Options.Exchange == client.Classic && err == nil && (to.tls || s.TLS || to.user != ""):
		return to, rest, &usageError{errClassicPlain}
	case s.Options.Exchange != client.Classic:
		to.user = cmp.Or(to.user, s.User)
	}
	to.tls = to.tls || s.TLS
	return to, rest, err
}

var (
	errClassicPlain = errors.New("the classic exchange has no TLS and no login")
	errShown        = errors.New("others could see a password before @: leave it out; ferry asks " +
		"for it, or takes it from FERRY_PASSWORD, --password-file or .netrc")
	errNobody = errors.New("a name is missing before @")
)

// splitUser takes the user off an address.
func splitUser(address string) (user, rest string, err error) {
	at := strings.LastIndexByte(address, '@')
	switch {
	case at < 0:
		return "", address, nil
	case strings.Contains(address[:at], ":"):
		return "", "", &usageError{errShown}
	case at == 0:
		return "", "", &usageError{errNobody}
	}
	return address[:at], address[at+1:], nil
}

func (s *Shell) parsePlace(words []string) (to target, rest []string, err error) {
	if len(words) > 0 && s.Config != nil && (len(words) == 1 || !IsPort(words[1])) {
		if place, there := s.Config.Bookmarks[words[0]]; there {
			to, _, err = parseWords([]string{place}, s.Port)
			if err != nil {
				err = &usageError{fmt.Errorf("the bookmark %s: %w", words[0], err)}
			}
			return to, words[1:], err
		}
	}
	return parseWords(words, s.Port)
}

func parseWords(words []string, standard uint16) (to target, rest []string, err error) {
	if len(words) > 0 && hasScheme(words[0]) {
		to, err = parseURL(words[0], standard)
		return to, words[1:], err
	}
	if len(words) > 0 {
		var first string
		if to.user, first, err = splitUser(words[0]); err != nil {
			return to, nil, err
		}
		words = append([]string{first}, words[1:]...)
	}
	to.addr, rest, err = parseAddr(words, standard)
	return to, rest, err
}

func hasScheme(word string) bool {
	before, _, found := strings.Cut(word, "://")
	return found && slices.Contains(schemes[:], strings.ToLower(before))
}

// parseURL parses a URL. A path that ends with a slash is a folder.
func parseURL(word string, standard uint16) (target, error) {
	bad := func(why string) (target, error) {
		return target{}, &usageError{errors.New(word + ": " + why)}
	}
	_, authority, _ := strings.Cut(word, "://")
	authority, _, _ = strings.Cut(authority, "/")
	if _, _, err := splitUser(authority); err != nil {
		return target{}, err
	}
	u, err := url.Parse(word)
	var broken *url.Error
	switch {
	case errors.As(err, &broken):
		return bad(broken.Err.Error())
	case err != nil:
		return bad(err.Error())
	case strings.ContainsAny(word, "?#"):
		return bad("a ? in a name is written %3F, a # %23")
	}
	host, port := u.Hostname(), u.Port()
	if port == "" && standard != 0 {
		port = strconv.Itoa(int(standard))
	}
	if host == "" || !IsPort(port) {
		return bad("a URL is ferry://HOST:PORT/PATH or ferrys://HOST:PORT/PATH")
	}
	to := target{server: server{
		addr: net.JoinHostPort(host, port), user: u.User.Username(), tls: u.Scheme == schemes[1],
	}}
	path := strings.TrimPrefix(u.Path, "/")
	if path == "" || strings.HasSuffix(path, "/") {
		to.folder = strings.Trim(path, "/")
	} else {
		to.file = path
	}
	return to, nil
}

// parseAddr parses a server's address at the start of words.
func parseAddr(words []string, standard uint16) (addr string, rest []string, err error) {
	if len(words) == 0 {
		return "", nil, noServer("")
	}
	first := words[0]
	if strings.ContainsFunc(first, unicode.IsSpace) { // no host has one
		return "", nil, notServer(words)
	}
	if host, port, err := net.SplitHostPort(first); err == nil && IsPort(port) {
		if host == "" {
			first = "localhost" + first
		}
		return first, words[1:], nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(first, "["), "]")
	if len(words) > 1 && IsPort(words[1]) {
		return net.JoinHostPort(host, words[1]), words[2:], nil
	}
	if IsPort(first) {
		return net.JoinHostPort("localhost", first), words[1:], nil
	}
	// A colon belongs to an IPv6 address, or precedes what is no port.
	_, notNumber := netip.ParseAddr(host)
	if standard != 0 && host != "" && (notNumber == nil || !strings.Contains(host, ":")) {
		return net.JoinHostPort(host, strconv.Itoa(int(standard))), words[1:], nil
	}
	return "", nil, notServer(words)
}

// notServer explains why words are no server: usually the port is missing or invalid.
func notServer(words []string) error {
	first := words[0]
	host, port, err := net.SplitHostPort(first)
	verb := findVerb(strings.ToLower(first))
	switch {
	case verb != nil && !verb.connected && verb.words[0] != "open":
		return &usageError{fmt.Errorf("%s: this needs no server; use ferry -e %s", first,
			quoted(strings.Join(words, " ")))}
	case verb != nil:
		return &usageError{fmt.Errorf("%s: a server goes before it, as in ferry HOST PORT %s",
			first, first)}
	case err == nil && host != "":
		return badPort(port)
	case len(words) > 1 && isNumber(words[1]):
		return badPort(words[1])
	case isNumber(first):
		return badPort(first)
	case len(words) > 1 && findVerb(strings.ToLower(words[1])) == nil && !hasScheme(first):
		return badPort(words[1])
	}
	return noServer(first)
}

func isNumber(word string) bool {
	return strings.Trim(word, "0123456789") == "" && word != ""
}

// IsPort reports whether a word is the number of a port.
func IsPort(word string) bool {
	n, err := strconv.ParseUint(word, 10, 16)
	return err == nil && n > 0
}
