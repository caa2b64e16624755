package ftp

import (
	"bytes"
	"strconv"
	"time"
)

const (
	secondsMin = -62167219200 // 0000-01-01 00:00:00
	secondsMax = 253402300799 // 9999-12-31 23:59:59, the last that four digits can say
)

// civil is a time in Unix seconds as date and time of day in UTC. Those beyond the years 0 to 9999
// become the nearest within.
func civil(seconds int64) time.Time {
	return time.Unix(min(max(seconds, secondsMin), secondsMax), 0).UTC()
}

// appendTime appends a time as YYYYMMDDHHMMSS (RFC 3659, section 2.3).
func appendTime(dst []byte, seconds int64) []byte {
	return civil(seconds).AppendFormat(dst, "20060102150405")
}

// ParseTime reads YYYYMMDDHHMMSS, maybe with a point and a fraction, as UTC.
func ParseTime(b []byte) (t time.Time, ok bool) {
	whole, fraction, given := bytes.Cut(b, []byte{'.'})
	if len(whole) != 14 {
		return time.Time{}, false
	}
	nanos := int64(0)
	if given {
		if _, ok := parseNumber(fraction[:min(len(fraction), 18)]); !ok || len(fraction) > 18 {
			return time.Time{}, false
		}
		digits := append(append(make([]byte, 0, 32), fraction...), "000000000"...)
		nanos, _ = parseNumber(digits[:9])
	}
	return date(whole, nanos)
}

// date reads 14 digits, or 12 without seconds.
func date(b []byte, nanos int64) (t time.Time, ok bool) {
	if _, ok := parseNumber(b); !ok {
		return time.Time{}, false
	}
	part := func(from, to int) int {
		n, _ := strconv.Atoi(string(b[from:to]))
		return n
	}
	second := 0
	if len(b) == 14 {
		second = part(12, 14)
	}
	year, month, day := part(0, 4), time.Month(part(4, 6)), part(6, 8)
	hour, minute := part(8, 10), part(10, 12)
	// Second 60 is a leap second, which time has no room for: the next second.
	if hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, false
	}
	at := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	if at.Day() != day || at.Month() != month {
		return time.Time{}, false
	}
	return time.Date(year, month, day, hour, minute, second, int(nanos), time.UTC), true
}

// Times is the argument of a command that may set a file's time.
type Times struct {
	Name []byte
	Time time.Time
}

// ParseMfmt reads the argument of MFMT: a time, a space, a name.
func ParseMfmt(argument []byte) (Times, Reply) {
	text, name, _ := bytes.Cut(argument, []byte{' '})
	t, ok := ParseTime(text)
	if !ok || len(name) == 0 {
		return Times{}, ReplyArgument
	}
	return Times{name, t}, 0
}

// ParseMdtm says whether the argument of MDTM may set a time, and which. If a file has the whole
// argument as its name, the command asks for that file's time all the same.
func ParseMdtm(argument []byte) (set Times, ok bool) {
	set, r := ParseMfmt(argument)
	return set, r == 0
}
