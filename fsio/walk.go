package fsio

import (
	"math"
	"slices"
	"strings"
	"time"
)

// walkOften is how often a tree is walked at most with nothing to look for: it may hold millions
// of files.
const walkOften = time.Hour

// walk is what tells one walk of the tree from others.
type walk struct {
	number  uint64
	moves   uint64          // How many folders had been renamed when it began.
	strayed map[string]bool // The parts that it looks for.
}

// walkTree sweeps the whole tree. Of the parts that strayed it takes the names that it meets.
func (r *Root) walkTree(strayed map[string]bool) (removed int, err error) {
	s := sweep{root: r, walk: walk{strayed: strayed}}
	s.number, s.moves = r.parts.begin(time.Now())
	defer s.leave()
	// Folders still to walk; a step each instead of a descriptor each, however deep they are.
	steps := []*step{{}}
	for len(steps) > 0 {
		at := steps[len(steps)-1]
		steps = steps[:len(steps)-1]
		for _, base := range s.folder(at) {
			steps = append(steps, &step{at, base})
		}
	}
	if !s.blind {
		r.parts.end(s.walk)
	}
	return s.removed, s.err
}

// step is a folder that a walk comes by. It costs as much as its own name, since a rename may put
// one deep folder into another without end.
type step struct {
	up   *step // Nil for the root.
	base string
}

// name returns the folder's name, unless it is longer than names are.
func (p *step) name() (n Name, ok bool) {
	path, _ := p.below(nil, nameBytesMax)
	if len(path) == 0 {
		return Name{}, p.up == nil
	}
	return Name{}.join(strings.Join(path, "/")), true
}

// below returns the parts of the name from the folder above down to this one, above being nil for
// the root, or none if they take more than bytesMax. It reports whether above is above.
func (p *step) below(above *step, bytesMax int) (parts []string, ok bool) {
	bytes := 0
	for p != above && p.up != nil {
		if bytes += len(p.base) + 1; bytes <= bytesMax {
			parts = append(parts, p.base)
		}
		p = p.up
	}
	if bytes > bytesMax {
		parts = nil
	}
	slices.Reverse(parts)
	return parts, above == nil || p == above
}

// open opens the folder of a step. No path reaches further than nameBytesMax bytes, but renames
// do: a folder on the way, the anchor, stays open for the steps that come next.
func (s *sweep) open(to *step) (folder, error) {
	parts, ok := to.below(s.anchor, math.MaxInt)
	if !ok {
		s.leave()
		parts, _ = to.below(nil, math.MaxInt)
	}
	for {
		bytes, n := 0, 0
		for n < len(parts) && bytes+len(parts[n])+1 < nameBytesMax {
			bytes += len(parts[n]) + 1
			n++
		}
		d, err := s.openFrom(parts[:n])
		if n == len(parts) || err != nil {
			return d, err
		}
		parts = parts[n:]
		s.leave()
		s.anchor, s.held = to, d
		for range parts {
			s.anchor = s.anchor.up
		}
	}
}

// openFrom opens what lies that far beneath the anchor.
func (s *sweep) openFrom(parts []string) (folder, error) {
	n := Name{}
	if len(parts) > 0 {
		n = n.join(strings.Join(parts, "/"))
	}
	if s.anchor == nil {
		return s.root.openFolder(n, useSweep)
	}
	if err := s.root.fault(OpFolder, n); err != nil {
		return nil, err
	}
	return s.held.inner(n.String())
}

// leave lets go of the anchor.
func (s *sweep) leave() {
	if s.anchor != nil {
		s.held.close()
		s.anchor, s.held = nil, nil
	}
}
