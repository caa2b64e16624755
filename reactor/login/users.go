package login

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/xdg-go/scram"
	"github.com/xdg-go/stringprep"
)

// Anonymous is the name of the user who stands for everyone who has not logged in.
const Anonymous = "*"

// User is one line of a users file.
type User struct {
	Name   string
	Rights Rights

	verifier verifier
	// line is its line in the file, counted from 0; written are its fields there.
	line    int
	written [3]string
}

// Kind says what the user's verifier is: SCRAM-SHA-256, bcrypt or -.
func (u *User) Kind() string {
	switch {
	case u.verifier.scram != nil:
		return strings.TrimSuffix(scramPrefix, "$")
	case u.verifier.bcrypt != nil:
		return "bcrypt"
	default:
		return "-"
	}
}

// Users is the content of a users file. It does not change, and is safe for concurrent use.
type Users struct {
	byName map[string]*User
	// All are the users in the order of the file.
	All    []*User
	server *scram.Server
	// named are those who have a password. decoys is the key by which unknown names are treated
	// like one of them.
	named  []*User
	decoys []byte
}

// Fault is something wrong in a line of a users file.
type Fault struct {
	Line   int // counted from 1
	Reason error
}

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("line %d: %v", f.Line, f.Reason) }

// Unwrap returns the reason.
func (f *Fault) Unwrap() error { return f.Reason }

// Load reads a users file.
func Load(file string) (*Users, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	return Parse(text)
}

// Parse reads the text of a users file. The error joins a *Fault for each line that is wrong.
func Parse(text []byte) (*Users, error) {
	u := &Users{byName: make(map[string]*User)}
	var faults []error
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		user, err := parseUser(line)
		if err == nil && u.byName[user.Name] != nil {
			err = fmt.Errorf("user %s is in line %d already", user.Name, u.byName[user.Name].line+1)
		}
		if err != nil {
			faults = append(faults, &Fault{i + 1, err})
			continue
		}
		user.line = i
		u.add(user)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	var err error
	u.server, err = scram.SHA256.NewServer(u.credentials)
	return u, err
}

func (u *Users) add(user *User) {
	u.byName[user.Name] = user
	u.All = append(u.All, user)
	if user.Name == Anonymous {
		return
	}
	if u.named = append(u.named, user); u.decoys == nil {
		// Unknown names keep their false salts over a restart, as known ones keep theirs.
		key := sha256.Sum256([]byte(user.written[1]))
		u.decoys = key[:]
	}
}

// parseUser reads a line. Verifiers and rights hold colons too.
func parseUser(line string) (*User, error) {
	name, rest, ok := strings.Cut(line, ":")
	if !ok {
		return nil, errors.New("a line is NAME : VERIFIER : RIGHTS")
	}
	user := &User{Name: strings.TrimSpace(name)}
	rest = strings.TrimSpace(rest)
	parts := 1
	if strings.HasPrefix(rest, scramPrefix) {
		parts = 3
	}
	fields := strings.SplitN(rest, ":", parts+1)
	hasRights := len(fields) > parts
	rights := ""
	if hasRights {
		rights = strings.TrimSpace(fields[parts])
		fields = fields[:parts]
	}
	text := strings.TrimSpace(strings.Join(fields, ":"))
	user.written = [3]string{user.Name, text, rights}
	var wrong [3]error
	if user.Name == Anonymous {
		if text != "-" {
			wrong[1] = errors.New("write - as the verifier of *, who has no password")
		} else if !hasRights {
			wrong[2] = errors.New("give the rights of *, such as /pub:r")
		}
	} else {
		wrong[0] = CheckName(user.Name)
		user.verifier, wrong[1] = parseVerifier(text)
	}
	switch {
	case wrong[1] != nil: // what seem to be rights may be a part of the verifier, which is secret
	case hasRights:
		user.Rights, wrong[2] = ParseRights(rights)
	default:
		user.Rights = Rights{{Mode: Read | Write}}
	}
	return user, errors.Join(wrong[:]...)
}

// nameMax bounds a user's name in bytes.
const nameMax = 255

// CheckName returns why a name cannot be a user's.
func CheckName(name string) error {
	prepared, err := stringprep.SASLprep.Prepare(name)
	switch {
	case name == "", len(name) > nameMax:
		return fmt.Errorf("a user's name has from 1 to %d bytes", nameMax)
	case err != nil, prepared != name, strings.TrimSpace(name) != name,
		strings.ContainsAny(name, ":*"), name[0] == '#', strings.ContainsFunc(name, isControl):
		return fmt.Errorf("user %q: a name holds no colon, star or control character", name)
	}
	return nil
}

// User returns the user with a name, nil if there is none.
func (u *Users) User(name string) *User { return u.byName[name] }

// Check returns the user if the password is right, and nil if it is not. It takes tens of
// milliseconds of work, for unknown names too.
func (u *Users) Check(name, password string) *User {
	user := u.byName[name]
	if user != nil && user.Name != Anonymous {
		if len(password) <= passwordMax && user.verifier.check(name, password) {
			return user
		}
		return nil
	}
	if decoy := u.decoy(name); decoy != nil && len(password) <= passwordMax {
		decoy.verifier.check(decoy.Name, password) // for the time that it takes
	}
	return nil
}

// decoy is the user like whom an unknown name is treated: always the same for one name.
func (u *Users) decoy(name string) *User {
	if len(u.named) == 0 {
		return nil
	}
	n := binary.LittleEndian.Uint64(u.mac(name))
	return u.named[n%uint64(len(u.named))]
}

func (u *Users) mac(name string) []byte {
	h := hmac.New(sha256.New, u.decoys)
	h.Write([]byte(name))
	return h.Sum(nil)
}
