package fsio

import (
	"strconv"
	"time"
)

// ListLong returns the listing of the folder n as `ls -l` sends it: a line for each name, sorted
// bytewise, ended by LF, with four fields that tabs separate: `file` or `dir`, the size in bytes
// (0 for a folder), the time of the last change by RFC 3339 in UTC to the second, and the name,
// without a slash at its end. It names what List names, and tells of a link what it leads to. It
// may block, longer than List: it looks at every file. Errors are those of List; of bytesMax every
// name takes the longest line that it could have.
func (r *Root) ListLong(n Name, bytesMax int64) ([]byte, error) {
	d, entries, err := r.entries(n, bytesMax)
	if err != nil {
		return nil, newError(OpList, n, err)
	}
	defer d.close()
	most := listedBytes(entries) + int64(len(entries)*longBytes)
	if most > bytesMax {
		return nil, newError(OpList, n, errListing)
	}
	text := make([]byte, 0, most)
	for _, e := range entries {
		m, err := r.look(d, n, e)
		switch {
		case err == nil:
			text = appendLine(text, e.name, m)
		case gone(err), e.kind == typeLink && KindOf(err) == KindDenied:
			// Removed meanwhile, or a link that get could not serve.
		default:
			return nil, newError(OpList, n, err)
		}
	}
	return text, nil
}

// longBytes is the most that a line of ListLong has more than one of List, in bytes: type, size,
// time and tabs.
const longBytes = len("file\t9223372036854775807\t2006-01-02T15:04:05Z\t")

// look finds out about an entry: where a link leads is resolved from the root, as get would.
func (r *Root) look(d folder, n Name, e entry) (meta, error) {
	switch e.kind {
	case typeLink:
		return r.stat(n.join(e.name))
	case typeOther:
		return meta{}, nil
	case typePlain, typeFolder:
	}
	if err := r.fault(OpStat, n); err != nil {
		return meta{}, err
	}
	return d.stat(e.name)
}

func appendLine(text []byte, name string, m meta) []byte {
	switch m.kind {
	case typePlain:
		text = append(text, "file\t"...)
		text = strconv.AppendInt(text, m.size, 10)
	case typeFolder:
		text = append(text, "dir\t0"...)
	case typeLink, typeOther:
		return text // A link took its place meanwhile.
	}
	text = append(text, '\t')
	text = listedTime(m.changed).UTC().AppendFormat(text, time.RFC3339)
	text = append(text, '\t')
	text = append(text, name...)
	return append(text, '\n')
}
