package ftp

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// said writes what a Parse function returned as one text.
func said(value any, r Reply) string {
	if r != 0 {
		return strconv.Itoa(r.Code())
	}
	return fmt.Sprint(value)
}

func TestArguments(t *testing.T) {
	parsers := map[string]func([]byte) string{
		"TYPE": func(b []byte) string { v, r := ParseType(b); return said(v, r) },
		"MODE": func(b []byte) string { return said("ok", ParseMode(b)) },
		"STRU": func(b []byte) string { return said("ok", ParseStru(b)) },
		"REST": func(b []byte) string { v, r := ParseRest(b); return said(v, r) },
		"ALLO": func(b []byte) string { v, r := ParseAllo(b); return said(v, r) },
		"PORT": func(b []byte) string { v, r := ParsePort(b); return said(v, r) },
		"EPRT": func(b []byte) string { v, r := ParseEprt(b); return said(v, r) },
		"EPSV": func(b []byte) string { v, r := ParseEpsv(b); return said(v, r) },
		"OPTS": func(b []byte) string {
			v, f, r := ParseOpts(b)
			return said(fmt.Sprintf("%d %06b", v, f), r)
		},
		"SITE": func(b []byte) string {
			v, r := ParseSite(b)
			return said(fmt.Sprintf("%d %s %o %s", v.Kind, v.Name, v.Mode, stamp(v.Time)), r)
		},
		"MFMT": func(b []byte) string {
			v, r := ParseMfmt(b)
			return said(fmt.Sprintf("%s %s", stamp(v.Time), v.Name), r)
		},
		"XSHA256": func(b []byte) string {
			tries, n, r := ParseHash(b)
			text := ""
			for _, h := range tries[:n] {
				text += fmt.Sprintf("[%s %d %d]", h.Name, h.Start, h.End)
			}
			return said(text, r)
		},
	}
	for line, want := range argumentCases {
		verb, argument, _ := strings.Cut(line, " ")
		if got := parsers[verb]([]byte(argument)); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339Nano)
}

// argumentCases are lines and what their arguments mean: a value, or the code of the reply.
var argumentCases = func() map[string]string {
	cases := make(map[string]string)
	for line := range strings.Lines(argumentLines) {
		if line, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " => "); ok {
			cases[line] = want
		}
	}
	return cases
}()

const argumentLines = `
TYPE A => A
TYPE a => A
TYPE A N => A
TYPE a n => A
TYPE I => I
TYPE i => I
TYPE L 8 => I
TYPE l 8 => I
TYPE A T => 504
TYPE A C => 504
TYPE E => 504
TYPE L => 504
TYPE L 7 => 504
TYPE L8 => 504
TYPE X => 504
TYPE  => 504
TYPE II => 504
TYPE A  N => 504

MODE S => ok
MODE s => ok
MODE B => 504
MODE C => 504
MODE Z => 504

STRU F => ok
STRU f => ok
STRU R => 504
STRU P => 504
STRU  => 504

REST 0 => 0
REST 000 => 0
REST 12 => 12
REST 9223372036854775807 => 9223372036854775807
REST 9223372036854775808 => 501
REST 18446744073709551616 => 501
REST 99999999999999999999999 => 501
REST -1 => 501
REST +1 => 501
REST 1  => 501
REST 0x1 => 501
REST a => 501
REST  => 501
REST 1.5 => 501
REST １ => 501

ALLO 0 => 0
ALLO 10 => 10
ALLO 10 R 5 => 10
ALLO 10 r 5 => 10
ALLO  => 501
ALLO x => 501
ALLO 10 R => 501
ALLO 10 X 5 => 501
ALLO 10 R x => 501
ALLO 9223372036854775808 => 501
ALLO R 5 => 501
ALLO 10 5 => 501

PORT 127,0,0,1,4,1 => 127.0.0.1:1025
PORT 255,255,255,255,255,255 => 255.255.255.255:65535
PORT 127,0,0,1,0,21 => 127.0.0.1:21
PORT 127,000,0,001,4,1 => 127.0.0.1:1025
PORT 127,0,0,1,0,0 => 501
PORT 127,0,0,1,4 => 501
PORT 127,0,0,1,4,1,1 => 501
PORT 127,0,0,1,4,1, => 501
PORT 256,0,0,1,4,1 => 501
PORT 127,0,0,1,4,-1 => 501
PORT 127, 0,0,1,4,1 => 501
PORT ,,,,, => 501
PORT  => 501
PORT 127.0.0.1:1025 => 501
PORT 0127,0,0,1,4,1 => 501
PORT a,b,c,d,e,f => 501

EPRT |1|127.0.0.1|1025| => 127.0.0.1:1025
EPRT |2|::1|1025| => [::1]:1025
EPRT |2|::ffff:127.0.0.1|1025| => [::ffff:127.0.0.1]:1025
EPRT !1!127.0.0.1!1025! => 127.0.0.1:1025
EPRT |1|127.0.0.1|65536| => 501
EPRT |1|127.0.0.1|0| => 501
EPRT |1|::1|1025| => 501
EPRT |2|127.0.0.1|1025| => 501
EPRT |3|x|1025| => 522
EPRT |0|x|1025| => 522
EPRT |x|127.0.0.1|1025| => 501
EPRT ||127.0.0.1|1025| => 501
EPRT |1|127.0.0.1|1025 => 501
EPRT |1|127.0.0.1|1025|| => 501
EPRT | => 501
EPRT  => 501
EPRT |1|127.0.0.1|1025|x => 501
EPRT |2|fe80::1%lo|1025| => 501
EPRT 11112 => 501
EPRT |1|127.0.0|1025| => 501
EPRT  1 127.0.0.1 1025  => 501

EPSV  => 0
EPSV 1 => 1
EPSV 2 => 2
EPSV ALL => 3
EPSV all => 3
EPSV 3 => 522
EPSV 0 => 522
EPSV x => 501
EPSV 1 2 => 501
EPSV -1 => 501

OPTS UTF8 ON => 1 000000
OPTS utf8 on => 1 000000
OPTS UTF8 OFF => 1 000000
OPTS UTF-8 ON => 1 000000
OPTS UTF8 => 1 000000
OPTS UTF8 NLST => 1 000000
OPTS UTF8 maybe => 501
OPTS MLST type;size; => 2 000011
OPTS MLST => 2 000000
OPTS mlst UNIX.MODE;Type => 2 100001
OPTS MLST type;foo;;modify; => 2 000101
OPTS MLST type size => 2 000000
OPTS HASH => 3 000000
OPTS HASH sha-256 => 3 000000
OPTS HASH MD5 => 501
OPTS PASV => 501
OPTS  => 501

SITE HELP => 1  0 -
SITE help x => 1  0 -
SITE CHMOD 644 a b => 2 a b 644 -
SITE chmod 0755  x => 2  x 755 -
SITE CHMOD 7777 x => 2 x 7777 -
SITE CHMOD 0 x => 2 x 0 -
SITE CHMOD 888 x => 501
SITE CHMOD 644 => 501
SITE CHMOD 644  => 501
SITE CHMOD u+x x => 501
SITE CHMOD 07777 x => 501
SITE CHMOD  x => 501
SITE CHMOD => 501
SITE UTIME 20240229123456 a b => 3 a b 0 2024-02-29T12:34:56Z
SITE UTIME 202402291234 a => 3 a 0 2024-02-29T12:34:00Z
SITE UTIME 20240229123456  a => 3  a 0 2024-02-29T12:34:56Z
SITE UTIME a b 20240229123456 20240301123456 20240302123456 UTC => 3 a b 0 2024-03-01T12:34:56Z
SITE UTIME a 202402291234 202403011234 202403021234 utc => 3 a 0 2024-03-01T12:34:00Z
SITE UTIME a 20240229123456 20240301123456 20240302123456 => 501
SITE UTIME  20240229123456 20240301123456 20240302123456 UTC => 501
SITE UTIME a 20240229123456 2024030112345 20240302123456 UTC => 501
SITE UTIME 20230229123456 a => 501
SITE UTIME a => 501
SITE UTIME => 501
SITE EXEC ls => 504
SITE  => 504
SITE CHMODE 644 a => 504

MFMT 20240229123456 a => 2024-02-29T12:34:56Z a
MFMT 20240229123456.5  a b  => 2024-02-29T12:34:56.5Z  a b 
MFMT 20240229123456.123456789 a => 2024-02-29T12:34:56.123456789Z a
MFMT 20240229123456.1234567899 a => 2024-02-29T12:34:56.123456789Z a
MFMT 20161231235960 a => 2017-01-01T00:00:00Z a
MFMT 00010101000001 a => 0001-01-01T00:00:01Z a
MFMT 99991231235959 a => 9999-12-31T23:59:59Z a
MFMT 20240229123456 => 501
MFMT 20240229123456  => 501
MFMT 2024022912345 a => 501
MFMT 20240229123456. a => 501
MFMT 20240229123456.x a => 501
MFMT 20230229000000 a => 501
MFMT 20240001000000 a => 501
MFMT 20241301000000 a => 501
MFMT 20240100000000 a => 501
MFMT 20240132000000 a => 501
MFMT 20240101240000 a => 501
MFMT 20240101006000 a => 501
MFMT 20240101000061 a => 501
MFMT -0240101000000 a => 501
MFMT 202402291234 a => 501
MFMT 20240229123456.1234567890123456789 a => 501
MFMT  a => 501

XSHA256 a b => [a b 0 -1]
XSHA256 a b 5 9 => [a b 5 9 0 -1][a b 5 9]
XSHA256 "a b" 5 9 => [a b 5 9]
XSHA256 "a b" => [a b 0 -1]
XSHA256 a 9 => [a 9 0 -1]
XSHA256 a 9 5 => [a 9 5 0 -1]
XSHA256 5 9 => [5 9 0 -1]
XSHA256  5 9 => [ 5 9 0 -1]
XSHA256 "a => 501
XSHA256 "" => 501
XSHA256 "a" 5 => 501
XSHA256 "a" 9 5 => 501
XSHA256 "a"b 5 9 => 501
XSHA256 "a" 5 -9 => 501

SITE UTIME a 20240229123456 20240301123456 20240302123456 GMT => 501
`

// MDTM with a time sets it; what does not begin with a whole time is a name.
func TestMdtmMaySet(t *testing.T) {
	for argument, want := range map[string]string{
		"20240229123456 a b": "a b", "20240229123456": "", "20240229123456 ": "", "a": "",
		"20240229123456x a": "", "20241329123456 a": "", "20240229 a": "",
	} {
		set, ok := ParseMdtm([]byte(argument))
		if ok != (want != "") || string(set.Name) != want {
			t.Errorf("%q: %q, %t", argument, set.Name, ok)
		}
	}
}

func TestTimesGoBothWays(t *testing.T) {
	for _, seconds := range []int64{
		0, -1, 1, 951782400, 1709210096, 4107542400, secondsMin, secondsMax, math.MaxInt64,
		math.MinInt64,
	} {
		text := appendTime(nil, seconds)
		back, ok := ParseTime(text)
		if want := min(max(seconds, secondsMin), secondsMax); !ok || back.Unix() != want {
			t.Errorf("%d became %s and %d", seconds, text, back.Unix())
		}
	}
}

// FuzzArguments holds what the parsers accept against what can be written back.
func FuzzArguments(f *testing.F) {
	for line := range argumentCases {
		_, argument, _ := strings.Cut(line, " ")
		f.Add([]byte(argument))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, r := ParseRest(b)
		if want, err := strconv.ParseUint(string(b), 10, 63); (err == nil) != (r == 0) ||
			r == 0 && n != int64(want) {
			t.Fatalf("REST %q: %d, %d", b, n, r.Code())
		}
		if at, r := ParsePort(b); r == 0 {
			again, r := ParsePort([]byte(port(at)))
			if again != at || r != 0 || len(b) < len(port(at)) {
				t.Fatalf("PORT %q: %v, %v", b, at, again)
			}
		}
		if at, r := ParseEprt(b); r == 0 {
			parts := strings.Split(string(b), string(b[:1]))
			want, err := netip.ParseAddr(parts[2])
			n, _ := strconv.Atoi(parts[3])
			if err != nil || at.Addr() != want || int(at.Port()) != n {
				t.Fatalf("EPRT %q: %v", b, at)
			}
		}
		if set, r := ParseMfmt(b); r == 0 {
			text, name, _ := bytes.Cut(b, []byte{' '})
			layout := "20060102150405"
			at, err := time.Parse(layout, string(text))
			// Package time knows no leap second.
			if !bytes.Equal(name, set.Name) || string(text[12:14]) != "60" &&
				(err != nil || !at.Equal(set.Time)) {
				t.Fatalf("MFMT %q: %v %q, %v", b, set.Time, set.Name, err)
			}
		}
		if s, r := ParseSite(b); r == 0 && s.Kind != SiteHelp &&
			(len(s.Name) == 0 || !bytes.Contains(b, s.Name)) {
			t.Fatalf("SITE %q: %q", b, s.Name)
		}
		tries, count, r := ParseHash(b)
		for _, h := range tries[:count] {
			if h.End >= 0 && h.Start > h.End || h.Start < 0 || !bytes.Contains(b, h.Name) {
				t.Fatalf("XSHA256 %q: %v", b, h)
			}
		}
		if (count == 0) != (r != 0) {
			t.Fatalf("XSHA256 %q: %d tries, %d", b, count, r.Code())
		}
		size, r := ParseAllo(b)
		if r == 0 && !strings.HasPrefix(strings.TrimLeft(string(b), "0")+" ", trimZero(size)) {
			t.Fatalf("ALLO %q: %d", b, size)
		}
		_, _ = ParseEpsv(b)
		_, _, _ = ParseOpts(b)
		if v, r := ParseType(b); r == 0 && !strings.ContainsAny(v.String(), "AI") {
			t.Fatal(v)
		}
		checkList(t, b)
	})
}

func trimZero(n int64) string { return strings.TrimLeft(strconv.FormatInt(n, 10)+" ", "0") }

func port(at netip.AddrPort) string {
	ip := at.Addr().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], at.Port()>>8, at.Port()&255)
}
