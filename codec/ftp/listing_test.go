package ftp

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC).Unix()

func at(text string) int64 {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t.Unix()
}

// The dates are what `TZ=UTC LC_ALL=C ls -l` of coreutils prints on that day.
func TestListLooksLikeLs(t *testing.T) {
	l := Listing{Now: now}
	for _, c := range []struct {
		e    Entry
		want string
	}{
		{
			Entry{Name: "a", Size: 5, Modified: now, Mode: 0o644},
			"-rw-r--r--   1 ftp      ftp                 5 Nov 27 12:00 a",
		},
		{
			Entry{Name: " a b ", Size: 1 << 40, Modified: at("2026-06-05 01:02:03"), Links: 12},
			"----------  12 ftp      ftp      1099511627776 Jun  5 01:02  a b ",
		},
		{
			Entry{
				Name: "d", Kind: KindFolder, Size: 4096, Modified: now + 1, Mode: 0o755, Links: 2,
			},
			"drwxr-xr-x   2 ftp      ftp              4096 Nov 27  2026 d",
		},
		{
			Entry{Name: "l", Target: "d/e f", Modified: now - halfYear, Mode: 0o777},
			"lrwxrwxrwx   1 ftp      ftp                 0 May 28  2026 l -> d/e f",
		},
		{
			Entry{Name: "l", Target: "d", Kind: KindFolder, Modified: now - halfYear + 1},
			"l---------   1 ftp      ftp                 0 May 28 21:05 l -> d",
		},
		{
			Entry{Name: "\xff\xe9", Modified: math.MinInt64, Mode: 0o7777},
			"-rwsrwsrwt   1 ftp      ftp                 0 Jan  1  0000 \xff\xe9",
		},
		{
			Entry{Name: "é", Modified: math.MaxInt64, Mode: 0o7000, Size: math.MaxInt64},
			"---S--S--T   1 ftp      ftp      9223372036854775807 Dec 31  9999 é",
		},
	} {
		if got := string(l.AppendLIST(nil, &c.e)); got != c.want+"\r\n" {
			t.Errorf("got  %q,\nwant %q", got, c.want)
		}
	}
	e := Entry{Name: "\xff", Modified: now}
	want := " ----------   1 ftp      ftp                 0 Nov 27 12:00 \xff\xff\r\n"
	if got := string(l.AppendSTAT(nil, &e)); got != want {
		t.Errorf("got %q", got)
	}
}

func TestFactsAreWritten(t *testing.T) {
	file := Entry{
		Name: " a b", Size: 5, Modified: 1709210096, Mode: 0o644, Device: 0xfe01, Inode: 0xabc,
	}
	folder := Entry{Name: "d", Kind: KindFolder, Size: 9, Mode: 0o1777, Modified: -1}
	for _, c := range []struct {
		facts  Facts
		rights Right
		e      *Entry
		want   string
	}{
		{
			FactsAll, RightAll, &file, "type=file;size=5;modify=20240229123456;perm=adfrw;" +
				"unique=fe01gabc;UNIX.mode=0644;  a b",
		},
		{
			FactsAll, RightAll, &folder, "type=dir;modify=19691231235959;perm=cdeflmp;" +
				"unique=0g0;UNIX.mode=1777; d",
		},
		{FactPerm, RightRead, &file, "perm=r;  a b"},
		{FactPerm, RightNone, &file, "perm=;  a b"},
		{FactPerm, RightList, &folder, "perm=el; d"},
		{FactPerm, RightDelete | RightMkdir, &folder, "perm=dm; d"},
		{FactPerm, RightPurge, &folder, "perm=p; d"},
		{FactPerm, RightReplace | RightRename, &file, "perm=afw;  a b"},
		{FactType | FactSize, RightAll, &folder, "type=dir; d"},
		{FactModify, RightAll, &file, "modify=20240229123456;  a b"},
		{0, RightAll, &file, "  a b"},
	} {
		l := Listing{Facts: c.facts}
		c.e.Rights = c.rights
		if got := string(l.AppendMLSD(nil, c.e)); got != c.want+"\r\n" {
			t.Errorf("got %q, want %q", got, c.want)
		}
		want := "250-Facts:\r\n " + c.want + "\r\n250 End\r\n"
		if got := string(l.AppendMLST(nil, c.e)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNamesOfNlstCanBeAskedFor(t *testing.T) {
	for prefix, want := range map[string]string{"": "a b\r\n", "d/": "d/a b\r\n"} {
		l := Listing{Prefix: prefix}
		if got := string(l.AppendNLST(nil, &Entry{Name: "a b"})); got != want {
			t.Errorf("got %q", got)
		}
	}
}

func TestNamesWithControlsAreLeftOut(t *testing.T) {
	l := Listing{Facts: FactsAll}
	for _, e := range []Entry{
		{Name: "a\nb"}, {Name: "a\r"}, {Name: "\x00"}, {Name: "\x7f"}, {Name: "a\tb"},
	} {
		out := l.AppendMLSD(l.AppendNLST(l.AppendSTAT(l.AppendLIST(nil, &e), &e), &e), &e)
		if len(out) > 0 {
			t.Errorf("%q became %q", e.Name, out)
		}
	}
	e := Entry{Name: "a", Target: "b\nc"}
	if out := l.AppendSTAT(l.AppendLIST(nil, &e), &e); len(out) > 0 {
		t.Errorf("a target became %q", out)
	}
}

func TestListingAllocatesNothing(t *testing.T) {
	l := Listing{Now: now, Facts: FactsAll, Prefix: "d/"}
	e := Entry{
		Name: "name", Target: "target", Size: 1 << 40, Modified: now, Mode: 0o644, Rights: RightAll,
	}
	dst := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		out := l.AppendLIST(dst, &e)
		out = l.AppendNLST(out, &e)
		out = l.AppendMLSD(out, &e)
		out = l.AppendMLST(out, &e)
		if len(out) == 0 {
			t.Fatal("nothing")
		}
	}); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

var lsLine = regexp.MustCompile(`(?s)\A([-dl])` +
	`([-r][-w][-xsS][-r][-w][-xsS][-r][-w][-xtT]) +([0-9]+) ftp +ftp +([0-9]+)` +
	` ([A-Z][a-z]{2} [ 1-3][0-9] (?:[0-9]{2}:[0-9]{2}| [0-9]{4})) (.*)\r\n\z`)

// parseLIST reads a line of ls as strict as a client may be.
func parseLIST(line []byte, now int64) (e Entry, err error) {
	// The expression works on runes: one for each byte.
	latin := make([]rune, len(line))
	for i, b := range line {
		latin[i] = rune(b)
	}
	found := lsLine.FindStringSubmatch(string(latin))
	if found == nil {
		return e, fmt.Errorf("malformed line %q", line)
	}
	name := make([]byte, 0, len(line))
	for _, r := range found[6] {
		name = append(name, byte(r))
	}
	e.Name = string(name)
	if found[1] == "d" {
		e.Kind = KindFolder
	}
	if found[1] == "l" {
		e.Name, e.Target, _ = strings.Cut(e.Name, " -> ")
	}
	e.Mode = parseMode(found[2])
	e.Links, _ = strconv.ParseUint(found[3], 10, 64)
	e.Size, _ = strconv.ParseInt(found[4], 10, 64)
	year := time.Unix(now, 0).UTC().Year()
	date, err := time.Parse("Jan _2  2006", found[5])
	if err != nil {
		// The date must exist in the year that it is of: the last that is not in the future.
		date, err = time.Parse("2006 Jan _2 15:04", strconv.Itoa(year)+" "+found[5])
		if err != nil || date.Unix() > now {
			date, err = time.Parse("2006 Jan _2 15:04", strconv.Itoa(year-1)+" "+found[5])
		}
	}
	e.Modified = date.Unix()
	return e, err
}

func parseMode(letters string) (mode uint32) {
	for i, c := range letters {
		bit := uint32(0o400) >> i
		if strings.ContainsRune("rwxst", c) {
			mode |= bit
		}
		if strings.ContainsRune("sStT", c) {
			mode |= 0o4000 >> (i / 3)
		}
	}
	return mode
}

// FuzzLIST holds LIST against a strict parser.
func FuzzLIST(f *testing.F) {
	f.Add("a b", "", int64(5), now, now, uint32(0o644), false)
	f.Add("d", "", int64(0), now-halfYear, now, uint32(0o7777), true)
	f.Add("l", "to", int64(-1), int64(0), now, uint32(0), false)
	f.Fuzz(func(
		t *testing.T, name, target string, size, modified, now int64, mode uint32, dir bool,
	) {
		e := Entry{
			Name: name, Target: target, Size: max(size, 0), Modified: modified, Mode: mode & 0o7777,
			Links: 1,
		}
		if dir && target == "" {
			e.Kind = KindFolder
		}
		now = min(max(now, 0), secondsMax)
		l := Listing{Now: now}
		line := l.AppendLIST(nil, &e)
		if hasControl(name) || hasControl(target) {
			if len(line) > 0 {
				t.Fatalf("%q became %q", name, line)
			}
			return
		}
		if strings.Contains(name, " -> ") {
			return // ls does not say which arrow is the link's
		}
		back, err := parseLIST(line, now)
		if err != nil {
			t.Fatal(err)
		}
		want := e
		want.Modified = min(max(modified, secondsMin), secondsMax)
		step := int64(24 * 60 * 60)
		if modified <= now && modified > now-halfYear {
			step = 60
		}
		want.Modified -= ((want.Modified % step) + step) % step
		if back != want {
			t.Fatalf("%q: %+v, want %+v", line, back, want)
		}
	})
}

// FuzzMLSD holds MLSD against a strict parser.
func FuzzMLSD(f *testing.F) {
	one, two, all := uint64(1), uint64(2), uint8(63)
	f.Add("a b", int64(5), int64(0), uint32(0o644), one, two, all, all, false)
	f.Add(" d=;", int64(5), int64(-1), uint32(0), one, two, all, uint8(1), true)
	shape := regexp.MustCompile(`\A(type=(?:file|dir);)?(size=\d+;)?(modify=\d{14};)?` +
		`(perm=[a-z]*;)?(unique=[0-9a-f]+g[0-9a-f]+;)?(UNIX\.mode=[0-7]{4};)? `)
	f.Fuzz(func(
		t *testing.T, name string, size, modified int64, mode uint32, device, inode uint64,
		facts, rights uint8, dir bool,
	) {
		e := Entry{
			Name: name, Size: size, Modified: modified, Mode: mode, Device: device, Inode: inode,
		}
		if dir {
			e.Kind = KindFolder
		}
		e.Rights = Right(rights)
		l := Listing{Facts: Facts(facts) & FactsAll}
		line := string(l.AppendMLSD(nil, &e))
		if hasControl(name) {
			if line != "" {
				t.Fatalf("%q became %q", name, line)
			}
			return
		}
		found := shape.FindStringSubmatch(line)
		if found == nil || line[len(found[0]):] != name+"\r\n" {
			t.Fatalf("%q became %q", name, line)
		}
		given := Facts(0)
		for i, fact := range found[1:] {
			if fact != "" {
				given |= 1 << i
			}
		}
		want := l.Facts
		if dir {
			want &^= FactSize
		}
		if given != want {
			t.Fatalf("%q has facts %06b, want %06b", line, given, want)
		}
		if given&FactUnique != 0 && found[5] != fmt.Sprintf("unique=%xg%x;", device, inode) ||
			given&FactMode != 0 && found[6] != fmt.Sprintf("UNIX.mode=%04o;", mode&0o7777) ||
			given&FactSize != 0 && found[2] != fmt.Sprintf("size=%d;", max(size, 0)) {
			t.Fatalf("%q", line)
		}
		for _, p := range []struct {
			letters string
			needs   Right
		}{
			{"r", RightRead}, {"aw", RightReplace}, {"el", RightList}, {"m", RightMkdir},
		} {
			if strings.ContainsAny(strings.TrimPrefix(found[4], "perm="), p.letters) &&
				e.Rights&p.needs == 0 {
				t.Fatalf("%q without the right %06b", line, p.needs)
			}
		}
	})
}
