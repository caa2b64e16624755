package ftp

import (
	"strconv"
)

// Kind is what an entry is. A link is what it leads to.
type Kind uint8

const (
	// KindFile is a plain file.
	KindFile Kind = iota
	// KindFolder is a folder.
	KindFolder
)

// Entry is what a listing says about a name.
type Entry struct {
	// Name is the bytes of the name; they need not be UTF-8.
	Name string
	Kind Kind
	// Target is where a symbolic link leads, empty if the name is none.
	Target string
	Size   int64
	// Modified is the modification time in Unix seconds.
	Modified int64
	// Mode is the permission bits, 0 to 07777.
	Mode uint32
	// Links is the number of hard links, 0 counts as 1.
	Links uint64
	// Device and Inode together tell two files apart.
	Device, Inode uint64
	// Rights are what the session may do with it, for the fact perm.
	Rights Right
}

// Facts is a set of the facts of MLSD and MLST.
type Facts uint8

// The facts, in the order in which they are written.
const (
	FactType Facts = 1 << iota
	FactSize
	FactModify
	FactPerm
	FactUnique
	FactMode
	FactsAll = FactMode<<1 - 1
)

var factNames = [...]string{"type", "size", "modify", "perm", "unique", "UNIX.mode"}

// Listing writes entries. Its methods append an entry's lines and allocate nothing. Names that hold
// control characters are left out: a line end would forge an entry, and no command can name them.
type Listing struct {
	// Prefix goes before each name of NLST: the folder as the client gave it, with a slash.
	// (RFC 1123, section 4.1.2.7: "legal pathnames […] that […] can be used directly")
	Prefix string
	// Now is the time in Unix seconds. LIST gives the time of day of files of the last six months.
	Now int64
	// Facts are those that MLSD and MLST give.
	Facts Facts
}

// halfYear is six months in seconds, as coreutils count them.
const halfYear = 31556952 / 2

// AppendLIST appends a line as `ls -l` prints it in the C locale, in UTC: nine fields.
func (l *Listing) AppendLIST(dst []byte, e *Entry) []byte {
	if hasControl(e.Name) || hasControl(e.Target) {
		return dst
	}
	return append(l.appendLong(dst, e, false), "\r\n"...)
}

// AppendSTAT appends the line of LIST for a reply on control (RFC 959, section 4.1.3).
func (l *Listing) AppendSTAT(dst []byte, e *Entry) []byte {
	if hasControl(e.Name) || hasControl(e.Target) {
		return dst
	}
	return append(l.appendLong(append(dst, ' '), e, true), "\r\n"...)
}

func (l *Listing) appendLong(dst []byte, e *Entry, control bool) []byte {
	dst = appendMode(dst, e)
	dst = append(dst, ' ')
	dst = appendRight(dst, max(e.Links, 1), 3)
	dst = append(dst, " ftp      ftp      "...)
	dst = appendRight(dst, uint64(max(e.Size, 0)), 12)
	dst = append(dst, ' ')
	dst = l.appendDate(dst, e.Modified)
	dst = append(dst, ' ')
	dst = appendName(dst, e.Name, control)
	if e.Target != "" {
		dst = append(dst, " -> "...)
		dst = appendName(dst, e.Target, control)
	}
	return dst
}

// AppendNLST appends a line with the name alone.
func (l *Listing) AppendNLST(dst []byte, e *Entry) []byte {
	if hasControl(e.Name) {
		return dst
	}
	return append(append(append(dst, l.Prefix...), e.Name...), "\r\n"...)
}

// AppendMLSD appends a line of facts, one space and the name (RFC 3659, section 7.2).
func (l *Listing) AppendMLSD(dst []byte, e *Entry) []byte {
	if hasControl(e.Name) {
		return dst
	}
	dst = append(l.appendFacts(dst, e), ' ')
	return append(append(dst, e.Name...), "\r\n"...)
}

// AppendMLST appends the reply to MLST about an entry whose name is a path: three lines.
func (l *Listing) AppendMLST(dst []byte, e *Entry) []byte {
	dst = AppendFirst(dst, 250, "Facts:")
	dst = append(l.appendFacts(append(dst, ' '), e), ' ')
	dst = appendLine(dst, e.Name)
	return AppendReply(dst, 250, "End")
}

func (l *Listing) appendFacts(dst []byte, e *Entry) []byte {
	if l.Facts&FactType != 0 {
		word := "type=file;"
		if e.Kind == KindFolder {
			word = "type=dir;"
		}
		dst = append(dst, word...)
	}
	if l.Facts&FactSize != 0 && e.Kind == KindFile {
		dst = append(strconv.AppendInt(append(dst, "size="...), max(e.Size, 0), 10), ';')
	}
	if l.Facts&FactModify != 0 {
		dst = append(appendTime(append(dst, "modify="...), e.Modified), ';')
	}
	if l.Facts&FactPerm != 0 {
		dst = append(appendPerm(append(dst, "perm="...), e), ';')
	}
	if l.Facts&FactUnique != 0 {
		dst = strconv.AppendUint(append(dst, "unique="...), e.Device, 16)
		dst = append(strconv.AppendUint(append(dst, 'g'), e.Inode, 16), ';')
	}
	if l.Facts&FactMode != 0 {
		dst = append(dst, "UNIX.mode="...)
		for shift := 9; shift >= 0; shift -= 3 {
			dst = append(dst, '0'+byte(e.Mode>>shift&7))
		}
		dst = append(dst, ';')
	}
	return dst
}

// perms are the letters of the fact perm and what each needs (RFC 3659, section 7.5.5).
var perms = [...][]struct {
	letter byte
	needs  Right
}{
	KindFile: {
		{'a', RightReplace},
		{'d', RightDelete},
		{'f', RightRename},
		{'r', RightRead},
		{'w', RightReplace},
	},
	KindFolder: {
		{'c', RightWrite},
		{'d', RightDelete},
		{'e', RightList},
		{'f', RightRename},
		{'l', RightList},
		{'m', RightMkdir},
		{'p', RightPurge},
	},
}

func appendPerm(dst []byte, e *Entry) []byte {
	for _, p := range perms[e.Kind] {
		if e.Rights&p.needs != 0 {
			dst = append(dst, p.letter)
		}
	}
	return dst
}

// appendMode appends drwxr-xr-x.
func appendMode(dst []byte, e *Entry) []byte {
	switch {
	case e.Target != "":
		dst = append(dst, 'l')
	case e.Kind == KindFolder:
		dst = append(dst, 'd')
	default:
		dst = append(dst, '-')
	}
	for i, letter := range []byte("rwxrwxrwx") {
		if e.Mode&(0o400>>i) == 0 {
			letter = '-'
		}
		dst = append(dst, letter)
	}
	bits := dst[len(dst)-9:]
	for i, special := range []byte("sst") {
		if e.Mode&(0o4000>>i) == 0 {
			continue
		}
		x := &bits[i*3+2]
		if *x == '-' {
			special -= 'a' - 'A'
		}
		*x = special
	}
	return dst
}

// appendDate appends `Jan _2 15:04`, or `Jan _2  2006` for files that are older than six months or
// from the future.
func (l *Listing) appendDate(dst []byte, modified int64) []byte {
	layout := "Jan _2  2006"
	if modified <= l.Now && modified > l.Now-halfYear {
		layout = "Jan _2 15:04"
	}
	return civil(modified).AppendFormat(dst, layout)
}

// appendRight appends a number with spaces before it up to a width of at most 12.
func appendRight(dst []byte, n uint64, width int) []byte {
	var digits [20]byte
	number := strconv.AppendUint(digits[:0], n, 10)
	dst = append(dst, "            "[:max(0, width-len(number))]...)
	return append(dst, number...)
}

// appendName appends a name, with 0xFF doubled on control.
func appendName(dst []byte, name string, control bool) []byte {
	if control {
		return appendText(dst, name)
	}
	return append(dst, name...)
}

func hasControl(s string) bool {
	for i := range len(s) {
		if isControl(s[i]) {
			return true
		}
	}
	return false
}
