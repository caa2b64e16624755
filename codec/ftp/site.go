package ftp

import (
	"bytes"
	"time"
)

// SiteKind is a command of SITE.
type SiteKind uint8

const (
	// SiteHelp is answered with AppendSITE.
	SiteHelp SiteKind = iota + 1
	// SiteChmod sets Mode.
	SiteChmod
	// SiteUtime sets Time.
	SiteUtime
)

// Site is the argument of SITE.
type Site struct {
	Kind SiteKind
	Name []byte
	// Mode is 0 to 07777.
	Mode uint16
	// Time is the modification time.
	Time time.Time
}

// ParseSite reads the argument of SITE. An unknown command is ReplyParameter.
func ParseSite(argument []byte) (Site, Reply) {
	word, rest, _ := bytes.Cut(argument, []byte{' '})
	switch {
	case equal(word, "HELP"):
		return Site{Kind: SiteHelp}, 0
	case equal(word, "CHMOD"):
		return parseChmod(rest)
	case equal(word, "UTIME"):
		return parseUtime(rest)
	}
	return Site{}, ReplyParameter
}

func parseChmod(rest []byte) (Site, Reply) {
	digits, name, _ := bytes.Cut(rest, []byte{' '})
	if len(digits) < 1 || len(digits) > 4 || len(name) == 0 {
		return Site{}, ReplyArgument
	}
	mode := uint16(0)
	for _, b := range digits {
		if b < '0' || b > '7' {
			return Site{}, ReplyArgument
		}
		mode = mode<<3 | uint16(b-'0')
	}
	return Site{Kind: SiteChmod, Name: name, Mode: mode}, 0
}

// parseUtime reads both forms that clients send: `YYYYMMDDHHMM[SS] name`, and
// `name accessed modified created UTC`, which wu-ftpd began.
func parseUtime(rest []byte) (Site, Reply) {
	if text, name, _ := bytes.Cut(rest, []byte{' '}); len(name) > 0 {
		if t, ok := utime(text); ok {
			return Site{Kind: SiteUtime, Name: name, Time: t}, 0
		}
	}
	var words [4][]byte
	for i := range words {
		last := bytes.LastIndexByte(rest, ' ')
		if last < 1 {
			return Site{}, ReplyArgument
		}
		words[i], rest = rest[last+1:], rest[:last]
	}
	_, accessed := utime(words[3])
	t, modified := utime(words[2])
	_, created := utime(words[1])
	if !equal(words[0], "UTC") || !accessed || !modified || !created {
		return Site{}, ReplyArgument
	}
	return Site{Kind: SiteUtime, Name: rest, Time: t}, 0
}

func utime(b []byte) (t time.Time, ok bool) {
	if len(b) != 12 && len(b) != 14 {
		return time.Time{}, false
	}
	return date(b, 0)
}
