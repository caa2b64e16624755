package reactor

import (
	"fmt"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// rights are what a session may do, and where. They are shared by all sessions that have the same.
type rights struct {
	store *fsio.Root
	may   codec.Features
	// flags names the option that withholds a verb, for the refusal.
	flags func(codec.Verb) string
}

// check returns nil where a verb is allowed. It is the one place that decides that.
func (g *rights) check(v codec.Verb) error {
	if g.may.Allows(v) {
		return nil
	}
	return &refusal{codec.CodeNotAllowed, fmt.Sprintf("not allowed here (%s)", g.flags(v))}
}

// replace says how a file that has the name already is treated by an upload or a rename.
func (g *rights) replace() fsio.CommitOptions {
	return fsio.CommitOptions{NoReplace: !g.may.Has(codec.FeatureReplace)}
}

// principal is whom a session's uploads are counted for: the network of its address.
func (s *session) principal() string { return limit.Network(s.address.ip).String() }
