package reactor

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"ferry/fsio"
)

// listingPage is how many entries of a folder are asked for at a time.
const listingPage = 256

// errListing is a listing that could take more bytes than allowed.
var errListing = fsio.Cause(fsio.KindTooLarge, "more names than a listing may hold")

// lister builds the listing of a folder: a name a line, sorted bytewise, folders with `/`; or, if
// it is long, kind, size, time of the last change and name, separated by tabs. Every line ends in
// LF.
//
// Left out are names that p would not take as they are, and whatever get could not serve: FIFOs,
// devices, sockets, links that lead nowhere or out of the root.
type lister struct {
	store    fsio.Store
	parser   fsio.Parser
	name     fsio.Name
	long     bool
	bytesMax int64
	lines    []listedEntry
	details  []listedDetails // Of a long listing.
}

// listedEntry is what is kept of an entry, as long as there may be more. It is small, since sorting
// moves it.
type listedEntry struct {
	name   string
	folder bool
	at     int32 // Its place in details.
}

// listedDetails are size in bytes, and time in seconds since 1970.
type listedDetails struct{ size, time int64 }

// build returns the listing, which occupies bytesMax at most. Errors are those of Store.Entries,
// and KindTooLarge when the names, or in a long listing the longest possible lines of these names,
// take more than bytesMax.
func (l *lister) build() ([]byte, error) {
	entries, err := l.store.Entries(l.name, fsio.Details(l.long))
	if err != nil {
		return nil, err
	}
	defer entries.Close()
	page := make([]fsio.Entry, listingPage)
	most := int64(0)
	for {
		n, err := entries.Next(page)
		if errors.Is(err, io.EOF) {
			return l.text(most), nil
		}
		if err != nil {
			return nil, err
		}
		for i := range page[:n] {
			if !l.parser.Lists(l.name, page[i].Name) {
				continue
			}
			if most += l.lineMax(&page[i]); most > l.bytesMax {
				return nil, fsio.NewError(fsio.OpList, l.name, errListing)
			}
			if err := l.add(&page[i]); err != nil {
				return nil, err
			}
		}
	}
}

// longBytes is the most that a line of a long listing has more than another, in bytes.
const longBytes = len("file\t9223372036854775807\t2006-01-02T15:04:05Z\t")

func (l *lister) lineMax(e *fsio.Entry) int64 {
	n := len(e.Name) + len("/\n")
	if l.long {
		n += longBytes
	}
	return int64(n)
}

// add keeps an entry, or what a link leads to.
func (l *lister) add(e *fsio.Entry) error {
	found := *e
	if e.Kind == fsio.EntryLink {
		var err error
		found, err = l.store.Stat(l.name.Join(e.Name))
		switch fsio.KindOf(err) {
		case fsio.KindNone:
		case fsio.KindNotFound, fsio.KindNotPlain, fsio.KindNotFolder, fsio.KindDenied:
			return nil
		default:
			if l.long {
				return err
			}
			return nil
		}
	}
	if found.Kind == fsio.EntryFile || found.Kind == fsio.EntryFolder {
		folder := found.Kind == fsio.EntryFolder
		l.lines = append(l.lines, listedEntry{e.Name, folder, int32(len(l.details))})
		if l.long {
			l.details = append(l.details, listedDetails{found.Size, found.ModTime.Unix()})
		}
	}
	return nil
}

func (l *lister) text(most int64) []byte {
	slices.SortFunc(l.lines, func(a, b listedEntry) int { return strings.Compare(a.name, b.name) })
	text := make([]byte, 0, most)
	for i := range l.lines {
		if l.long {
			text = l.lines[i].appendLong(text, l.details[l.lines[i].at])
			continue
		}
		text = append(text, l.lines[i].name...)
		if l.lines[i].folder {
			text = append(text, '/')
		}
		text = append(text, '\n')
	}
	return text
}

// appendLong writes a line of a long listing.
func (e *listedEntry) appendLong(text []byte, d listedDetails) []byte {
	if e.folder {
		text = append(text, "dir\t0"...)
	} else {
		text = append(text, "file\t"...)
		text = strconv.AppendInt(text, d.size, 10)
	}
	text = append(text, '\t')
	text = listedTime(time.Unix(d.time, 0)).AppendFormat(text, time.RFC3339)
	text = append(text, '\t')
	text = append(text, e.name...)
	return append(text, '\n')
}

// listedTime is the nearest time that RFC 3339 can express, whose years have four digits, in UTC.
func listedTime(t time.Time) time.Time {
	switch t = t.UTC(); {
	case t.Year() < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}
