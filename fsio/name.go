package fsio

import (
	"bytes"
	"strings"
	"unsafe"
)

// Limits of names. A part is bounded by what filesystems take (255 bytes nearly everywhere), a
// whole name by the system's own limit for a path, which is also the longest base command.
const (
	partBytesMax = 255
	nameBytesMax = 4096
)

// Name is a name beneath a root that has passed Root.ParseName: clean, relative, without `..`.
// The zero Name is the root itself. Names are compared with ==, and are good for one root's
// lifetime or any longer: they are values.
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

// zero returns the path with a NUL after it, "." for the root.
func (n Name) zero() string {
	if n.z == "" {
		return ".\x00"
	}
	return n.z
}

// local returns the path as package os wants it, "." for the root.
func (n Name) local() string {
	if n.z == "" {
		return "."
	}
	return n.z[:len(n.z)-1]
}

// split returns the folder that the name is in, the root being the zero Name, and the last part.
func (n Name) split() (parent Name, base string) {
	path := n.String()
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return Name{}, path
	}
	return Name{z: path[:i] + "\x00"}, path[i+1:]
}

// join returns the name of an entry in the folder n. It is not parsed: the entry was read from
// the folder.
func (n Name) join(entry string) Name {
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

// ParseName turns the bytes of a command into a Name. Leading slashes mean the root, `a/../b` is
// `b`, an empty name, "." and "/" are the root itself, which is good for List, Stat and the like.
// A slash at the end names a folder. Bytes that are no UTF-8 are taken as they are.
//
// It refuses, with KindBadName: control characters (NUL among them), a `..` that leaves the root,
// a part of more than 255 bytes, more than 4,096 bytes in all, the names of our own temporary
// files and parts in any place and, without Options.Dotfiles, a part that begins with a dot. The
// rule on dots is one on the name that was asked for: a link that leads to a dotfile beneath the
// root is followed, since whoever made it meant it.
func (r *Root) ParseName(raw []byte) (Name, error) { return r.ParseNameIn(Name{}, raw) }

// ParseNameIn does as ParseName for a session whose current folder is not the root: a name that
// does not begin with a slash is relative to folder, and an empty one is folder itself. `..` goes
// up by the names, as `cd` came down, not by where links lead, and never out of the root.
func (r *Root) ParseNameIn(folder Name, raw []byte) (Name, error) {
	n, err := parseName(folder, raw, r.options.Dotfiles)
	if err != nil {
		return Name{}, &Error{Op: OpName, Kind: err.kind, Err: err}
	}
	return n, nil
}

// parseName is the one place where bytes become a Name.
func parseName(from Name, raw []byte, dotfiles bool) (Name, *cause) {
	if len(raw) > nameBytesMax {
		return Name{}, errNameLong
	}
	for _, c := range raw {
		if isControl(c) {
			return Name{}, errNameControl
		}
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
	case len(path) > nameBytesMax:
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
	case len(part) > partBytesMax:
		return errNamePart
	case part[0] != '.':
		return nil
	case isOwn(string(part)):
		return errNameTemporary
	case !dotfiles:
		return errNameDot
	}
	return nil
}

func isControl(c byte) bool { return c < 0x20 || c == 0x7f }

func hasControl(s string) bool {
	for i := range len(s) {
		if isControl(s[i]) {
			return true
		}
	}
	return false
}

// Temporary files are called .ferry-<16 hexadecimal digits>.tmp: hidden from listings, unlike any
// name that a user would choose, and random, so that servers may share a folder.
const (
	ownPrefix       = ".ferry-"
	ownDigits       = 16
	temporarySuffix = ".tmp"
	partSuffix      = ".part"
)

// isTemporary tells the names of our own temporary files. Capitals count as well: some filesystems
// do not tell them apart.
func isTemporary(part string) bool { return isOwnWith(part, temporarySuffix) }

// isPart tells the names of the folders that servers before this version kept parts in.
func isPart(part string) bool { return isOwnWith(part, partSuffix) }

// partsFolderName is the folder of parts in the root.
const partsFolderName = ".ferry-parts"

// isOwn tells every name that is ours, and that no command reaches.
func isOwn(part string) bool {
	return isTemporary(part) || isPart(part) || strings.EqualFold(part, partsFolderName)
}

func isOwnWith(part, suffix string) bool {
	if len(part) != len(ownPrefix)+ownDigits+len(suffix) ||
		!strings.EqualFold(part[:len(ownPrefix)], ownPrefix) ||
		!strings.EqualFold(part[len(part)-len(suffix):], suffix) {
		return false
	}
	return isHexadecimal(strings.ToLower(part[len(ownPrefix) : len(ownPrefix)+ownDigits]))
}

// isHexadecimal tells what hexadecimal returns.
func isHexadecimal(text string) bool {
	return len(text) == ownDigits && strings.Trim(text, "0123456789abcdef") == ""
}

// temporaryName writes the random number as a temporary file's name.
func temporaryName(random uint64) string {
	return ownPrefix + hexadecimal(random) + temporarySuffix
}

// hexadecimal writes all 16 digits of a number, in lower case.
func hexadecimal(number uint64) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, ownDigits)
	for shift := 60; shift >= 0; shift -= 4 {
		text = append(text, digits[number>>shift&0xf])
	}
	return string(text)
}
