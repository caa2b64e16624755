package reactor

import (
	"fmt"
	"syscall"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
	"ferry/reactor/login"
)

// rights are what a session may do, and where. They do not change, and are shared by all sessions
// of a user. Workers read them.
type rights struct {
	store fsio.Store
	// names turns the bytes of commands into names of the store.
	names fsio.Parser
	may   codec.Features
	// limits are the server's permissions, which explain a refusal.
	limits Permissions
	// user is who has logged in, "" for nobody.
	user string
	// rules are the user's rights by path. Without rules may alone decides.
	rules login.Rights
	// closed allows nothing before login.
	closed bool
}

// check returns nil where a command is allowed for a name. It is the one place that decides that.
func (g *rights) check(v codec.Verb, n fsio.Name) error {
	if err := g.checkVerb(v); err != nil {
		return err
	}
	return g.checkName(v, n)
}

// checkVerb is the part of check that needs no name.
func (g *rights) checkVerb(v codec.Verb) error {
	switch {
	case g.closed:
		return errLogInFirst
	case !g.may.Allows(v):
		return &refusal{
			codec.CodeNotAllowed, fmt.Sprintf("not allowed here (%s)", g.limits.withheldBy(v)),
		}
	}
	return nil
}

var (
	errLogInFirst = &refusal{codec.CodeNotAllowed, "log in first"}
	errNotHere    = &refusal{codec.CodeNotAllowed, "not allowed here"}
)

// readWrite is what a user needs to replace or remove something. Write alone is a drop box.
const readWrite = login.Read | login.Write

// checkName is the part of check that looks at the user's rights. What the user may not see is told
// as missing, whether it exists or not.
func (g *rights) checkName(v codec.Verb, n fsio.Name) error {
	if g.rules == nil {
		return nil
	}
	at := n.String()
	mode, sees := g.rules.At(at), g.rules.Sees(at)
	allowed, adds := false, false
	switch v {
	case codec.VerbGet, codec.VerbGetPart, codec.VerbSum, codec.VerbSumPart:
		allowed = mode.Has(login.Read)
	case codec.VerbList, codec.VerbStat:
		allowed = sees
	case codec.VerbCd:
		allowed = sees || mode.Has(login.Write)
	case codec.VerbPut, codec.VerbNewPart, codec.VerbPutPart, codec.VerbPartSize,
		codec.VerbDropPart, codec.VerbMkdir:
		allowed, adds = mode.Has(login.Write), true
	case codec.VerbRenameTo:
		allowed, adds = mode.Has(login.Write) && !g.rules.Divide(at), true
	case codec.VerbRmdir, codec.VerbRemove, codec.VerbRenameFrom:
		// A folder that moves takes what is beneath it away from its rules.
		allowed = mode.Has(readWrite) && !g.rules.Divide(at)
	case codec.VerbPartSum:
		allowed = mode.Has(readWrite)
	default:
		return nil
	}
	folder, _ := n.Split()
	switch {
	case allowed:
		return nil
	case sees, adds && g.rules.Sees(folder.String()):
		return errNotHere
	default:
		return fsio.NewError(fsio.OpStat, n, syscall.ENOENT)
	}
}

// lists reports whether a listing of a folder shows an entry.
func (g *rights) lists(folder fsio.Name, entry string) bool {
	return g.rules == nil || g.rules.Sees(folder.Join(entry).String())
}

// replace says how an upload or a rename treats a file that has the name already.
func (g *rights) replace(n fsio.Name) fsio.CommitOptions {
	may := g.may.Has(codec.FeatureReplace) &&
		(g.rules == nil || g.rules.At(n.String()).Has(readWrite))
	return fsio.CommitOptions{NoReplace: !may}
}

// principal is whom a transfer's parts are counted for: the user, or the network of the address.
func (t *transfer) principal() string {
	if user := t.rights.user; user != "" {
		return "user " + user
	}
	return limit.Network(t.address.ip).String()
}

// Permissions say what all clients may do. The zero value allows everything but names that begin
// with a dot.
type Permissions struct {
	// ReadOnly refuses every change: uploads, new folders, renaming and removal.
	ReadOnly bool
	// NoOverwrite refuses an upload to a name that exists, and whatever else would change what is
	// there.
	NoOverwrite bool
	// UploadOnly refuses whatever sends, lists or sums up what is there, or takes it away. That a
	// name is taken shows when a client asks for that name.
	UploadOnly bool
	// NoSum refuses checksums.
	NoSum bool
	// Dotfiles lets names that begin with a dot be listed and reached.
	Dotfiles bool
}

// features are what a server with these options can do, and is willing to.
func (o *Options) features() codec.Features {
	f := o.Permissions.features()
	if o.Durability == DurabilityCommit && f.Has(codec.FeaturePut) {
		f |= codec.FeatureCommit
	}
	return f
}

// features are what they allow.
func (p Permissions) features() codec.Features {
	var f codec.Features
	if !p.UploadOnly {
		f |= codec.FeatureGet | codec.FeatureList | codec.FeatureStat
		if !p.NoSum {
			f |= codec.FeatureSum
		}
	}
	if p.ReadOnly {
		return f
	}
	f |= codec.FeaturePut | codec.FeatureParts | codec.FeatureMkdir
	if !p.NoSum && !p.UploadOnly { // a drop box computes none at all
		f |= codec.FeaturePartSum
	}
	if !p.NoOverwrite {
		f |= codec.FeatureReplace
		if !p.UploadOnly {
			f |= codec.FeatureChange
		}
	}
	return f
}

// withheldBy is the flag that withholds a command, "" if none does.
func (p Permissions) withheldBy(v codec.Verb) string {
	for _, by := range []struct {
		flag  string
		given bool
		alone Permissions
	}{
		{"--read-only", p.ReadOnly, Permissions{ReadOnly: true}},
		{"--upload-only", p.UploadOnly, Permissions{UploadOnly: true}},
		{"--no-overwrite", p.NoOverwrite, Permissions{NoOverwrite: true}},
		{"--no-sum", p.NoSum, Permissions{NoSum: true}},
	} {
		if by.given && !by.alone.features().Allows(v) {
			return by.flag
		}
	}
	return ""
}
