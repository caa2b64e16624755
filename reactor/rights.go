package reactor

import (
	"fmt"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// rights are what a session may do, and where. They do not change, and are shared by all sessions
// of a user. Workers use those of their transfer.
type rights struct {
	// store is what is served, guarded where the user has rights by path.
	store fsio.Store
	// names turns the bytes of commands into names of the store.
	names fsio.Parser
	may   codec.Features
	// limits are the server's permissions, which explain a refusal.
	limits Permissions
	// user is who has logged in, "" for nobody.
	user string
	// closed allows nothing before login.
	closed bool
}

var errLogInFirst = &refusal{codec.CodeNotAllowed, "log in first"}

// check returns nil where a verb is allowed. It is the one place that decides that; what is allowed
// at a name is decided by guard.
func (g *rights) check(v codec.Verb) error {
	switch {
	case g.closed:
		return errLogInFirst
	case g.may.Allows(v):
		return nil
	}
	return &refusal{
		codec.CodeNotAllowed, fmt.Sprintf("not allowed here (%s)", g.limits.withheldBy(v)),
	}
}

// replace says how a file that has the name already is treated by an upload or a rename.
func (g *rights) replace() fsio.CommitOptions {
	return fsio.CommitOptions{NoReplace: !g.may.Has(codec.FeatureReplace)}
}

// replace says how the upload or rename of a transfer treats a file that has the name already.
func (t *transfer) replace() fsio.CommitOptions {
	o, name := t.rights.replace(), t.name
	if t.recv.part != nil {
		name = t.recv.part.Name()
	}
	if g, ok := t.rights.store.(*guard); ok {
		o.NoReplace = g.noReplace(name, o.NoReplace)
	}
	return o
}

// mayAdd returns nil where the name of an upload is one that the user may add.
func (t *transfer) mayAdd() error {
	if g, ok := t.rights.store.(*guard); ok && t.recv.part == nil {
		return g.needs(fsio.OpCreate, t.name, toAdd)
	}
	return nil
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
	if o.TLS.Mode != TLSOff {
		f |= codec.FeatureTLS
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
