package bench

import (
	"cmp"
	"errors"
	"slices"

	"ferry/client"
)

// Failure is how often one kind of error came, and the first one's text.
type Failure struct {
	Kind  string
	Count int64
	First string
}

// failureKinds names the kinds of error in the order in which they are looked for.
var failureKinds = []struct {
	err  error
	kind string
}{
	{errMismatch, "mismatch"},
	{client.ErrConnect, "connect"},
	{client.ErrProtocol, "protocol"},
	{client.ErrNothingSent, "nothing sent"},
	{client.ErrRefused, "refused"},
	{client.ErrNoData, "no data connection"},
	{client.ErrStalled, "stalled"},
	{client.ErrBroken, "broken off"},
	{client.ErrLost, "connection lost"},
	{client.ErrNoFolder, "no such folder"},
	{errReply, "refused in words"},
}

// otherKind is the kind of an error that the table does not hold.
const otherKind = "other"

func kindOf(err error) string {
	for _, k := range failureKinds {
		if errors.Is(err, k.err) {
			return k.kind
		}
	}
	return otherKind
}

// failures are errors by kind. The zero map cannot be added to.
type failures map[string]Failure

func (f failures) add(err error) {
	kind := kindOf(err)
	f.merge(failures{kind: {kind, 1, err.Error()}})
}

func (f failures) merge(others failures) {
	for kind, other := range others {
		if sum, ok := f[kind]; ok {
			other.Count += sum.Count
			other.First = sum.First
		}
		f[kind] = other
	}
}

// sorted gives them, the most frequent first.
func (f failures) sorted() []Failure {
	all := make([]Failure, 0, len(f))
	for _, one := range f {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
	return all
}
