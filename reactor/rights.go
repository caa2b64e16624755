package reactor

import (
	"fmt"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// rights are what a session may do, and where. They are shared by all sessions that have the same.
type rights struct {
	store fsio.Store
	// names turns the bytes of commands into names of the store.
	names fsio.Parser
	may   codec.Features
	// limits are the server's permissions, which explain a refusal.
	limits Permissions
}

// check returns nil where a verb is allowed. It is the one place that decides that.
func (g *rights) check(v codec.Verb) error {
	if g.may.Allows(v) {
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

// principal is whom a session's uploads are counted for: the network of its address.
func (s *session) principal() string { return limit.Network(s.address.ip).String() }

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
