package fsio

import (
	"bytes"
	"strings"
	"unsafe"
)

// Limits of names, in bytes. A part is bounded by what filesystems take, a whole name by the
// system's own limit for a path, which is also the longest base command.
const (
	NamePartMax = 255
	NameMax     = 4096
)

// Name is a name in a store that has passed a Parser: clean, relative, without `..`. The zero Name
// is the root itself. Names are values, and are compared with ==.
type Name struct {
	// The path and a NUL after it, so that system calls take it as it is. Empty for the root.
	z string
	// The client wrote a slash (or a dot) at the end: it means a folder.
	folder bool
}

// String returns the path, parts joined by slashes; it is empty for the root itself.
func (n Name) String() string {
	if n.z == "" {
		return ""
	}
	return n.z[:len(n.z)-1]
}

// IsRoot reports whether the name is that of the root itself.
func (n Name) IsRoot() bool { return n.z == "" }

// MeansFolder reports whether the client wrote a slash (or a dot) at the end.
func (n Name) MeansFolder() bool { return n.folder }

// Zero returns the path with a NUL after it, for system calls; "." for the root.
func (n Name) Zero() string {
	if n.z == "" {
		return ".\x00"
	}
	return n.z
}

// Split returns the folder that the name is in, the root being the zero Name, and the last part.
func (n Name) Split() (parent Name, base string) {
	path := n.String()
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return Name{}, path
	}
	return Name{z: path[:i] + "\x00"}, path[i+1:]
}

// Join returns the name of an entry of the folder n. The entry is not parsed: it was read from
// the folder.
func (n Name) Join(entry string) Name {
	if n.z == "" {
		return Name{z: entry + "\x00"}
	}
	return Name{z: n.String() + "/" + entry + "\x00"}
}

var (
	errNameLong      = &cause{KindBadName, "longer than 4096 bytes"}
	errNamePart      = &cause{KindBadName, "a part is longer than 255 bytes"}
	errNameControl   = &cause{KindBadName, "holds a control character"}
	errNameLeaves    = &cause{KindBadName, "leads out of the served root"}
	errNameTemporary = &cause{KindBadName, "is kept for temporary files"}
	errNameDot       = &cause{KindBadName, "names that begin with a dot are not served"}
)

// Parser turns the bytes of commands into Names. The zero Parser refuses names with a dot at the
// beginning.
type Parser struct {
	// Dotfiles allows parts that begin with a dot. The rule is one on the name that was asked for:
	// a link to a dotfile is followed, since whoever made it meant it.
	Dotfiles bool
}

// Parse turns the bytes of a command into a Name. Leading slashes mean the root, `a/../b` is `b`,
// an empty name, "." and "/" are the root itself. A slash at the end means a folder. Bytes that
// are no UTF-8 are taken as they are.
//
// It refuses, with KindBadName: control characters (NUL among them), a `..` that leaves the root,
// parts and names longer than NamePartMax and NameMax, IsReserved parts and, without Dotfiles,
// parts that begin with a dot.
func (p Parser) Parse(raw []byte) (Name, error) { return p.ParseIn(Name{}, raw) }

// ParseIn does as Parse for a session whose current folder is not the root: a name that does not
// begin with a slash is relative to folder, and an empty one is folder itself. `..` goes up by the
// names, as `cd` came down, not by where links lead, and never out of the root.
func (p Parser) ParseIn(folder Name, raw []byte) (Name, error) {
	n, err := parseName(folder, raw, p.Dotfiles)
	if err != nil {
		return Name{}, &Error{Op: OpName, Kind: err.kind, Err: err}
	}
	return n, nil
}

// Lists reports whether Parse would take the name of an entry of folder, and take it as it is.
func (p Parser) Lists(folder Name, entry string) bool {
	switch {
	case len(folder.z)+len(entry) > NameMax, len(entry) > NamePartMax:
		return false
	case entry[0] == '.' && (!p.Dotfiles || IsReserved(entry)):
		return false
	}
	return !strings.ContainsFunc(entry, isControl)
}

// parseName is the one place where bytes become a Name.
func parseName(from Name, raw []byte, dotfiles bool) (Name, *cause) {
	if len(raw) > NameMax {
		return Name{}, errNameLong
	}
	if bytes.ContainsFunc(raw, isControl) {
		return Name{}, errNameControl
	}
	path := make([]byte, 0, len(from.z)+len(raw)+1)
	if len(raw) == 0 || raw[0] != '/' {
		path = append(path, from.String()...)
	}
	folder := true // What ends in nothing, a dot or two dots is a folder.
	for rest, more := raw, true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, slash)
		switch string(part) {
		case "", ".":
			folder = true
		case "..":
			if len(path) == 0 {
				return Name{}, errNameLeaves
			}
			path = path[:max(0, bytes.LastIndexByte(path, '/'))]
			folder = true
		default:
			if len(path) > 0 {
				path = append(path, '/')
			}
			path = append(path, part...)
			folder = false
		}
	}
	switch {
	case len(path) == 0:
		return Name{}, nil
	case len(path) > NameMax:
		return Name{}, errNameLong
	}
	for rest, more := path, true; more; {
		var part []byte
		part, rest, more = bytes.Cut(rest, slash)
		if err := checkPart(part, dotfiles); err != nil {
			return Name{}, err
		}
	}
	path = append(path, 0)
	// The bytes are ours, and nobody writes to them after this.
	return Name{z: unsafe.String(&path[0], len(path)), folder: folder}, nil
}

var slash = []byte{'/'}

func checkPart(part []byte, dotfiles bool) *cause {
	switch {
	case len(part) > NamePartMax:
		return errNamePart
	case part[0] != '.':
		return nil
	case IsReserved(string(part)):
		return errNameTemporary
	case !dotfiles:
		return errNameDot
	}
	return nil
}

func isControl(c rune) bool { return c < 0x20 || c == 0x7f }

// A store may keep files of its own among those that it serves, under names that no command
// reaches: .ferry-<16 hexadecimal digits>.tmp, the same with .part, and .ferry-parts.
const (
	ReservedPrefix = ".ferry-"
	ReservedParts  = ReservedPrefix + "parts"
	// ReservedDigits is how many hexadecimal digits there are.
	ReservedDigits = 16
)

// IsReserved reports whether a part of a name is one that a store keeps for itself. Capitals count
// as well: some filesystems do not tell them apart.
func IsReserved(part string) bool {
	if part == "" || part[0] != '.' {
		return false
	}
	part = strings.ToLower(part)
	random, ok := strings.CutPrefix(part, ReservedPrefix)
	if !ok || part == ReservedParts {
		return ok
	}
	digits, end, _ := strings.Cut(random, ".")
	return IsID(digits) && (end == "tmp" || end == "part")
}

// IsID reports whether text is 16 hexadecimal digits, in lower case.
func IsID(text string) bool {
	return len(text) == ReservedDigits && strings.Trim(text, "0123456789abcdef") == ""
}
