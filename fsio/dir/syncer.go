package dir

import (
	"slices"
	"sync"

	"ferry/fsio"
)

// syncer implements fsio.Syncer: while it is at work, those that come wait, and then it does all of
// them together. If they are many, one syncfs brings all of their bytes to the disk, then every
// file takes its name, and then every folder is brought to the disk once. When that syncfs fails,
// it is not known whose bytes were lost: then every file is synced by itself.
type syncer struct {
	pool *fsio.Pool

	mu      sync.Mutex
	waiting []*commitment
	working bool
}

// commitment is one Commit that waits.
type commitment struct {
	u         *upload
	noReplace bool
	done      func(error)
	err       error
}

// syncAllMin is the number of files from which one syncfs replaces an fsync for each. syncfs also
// writes what other programs left in the cache, so two or three files are faster by fsync.
const syncAllMin = 4

// NewSyncer has the pool do the work, one job at a time.
func (*store) NewSyncer(pool *fsio.Pool) fsio.Syncer { return &syncer{pool: pool} }

func (s *syncer) Commit(c fsio.Committable, o fsio.CommitOptions, done func(error)) {
	s.mu.Lock()
	s.waiting = append(s.waiting,
		&commitment{u: c.(*upload), noReplace: o.NoReplace, done: done})
	begin := !s.working
	s.working = true
	s.mu.Unlock()
	if begin {
		s.pool.Submit(s)
	}
}

// Run does what waits. The pool calls it.
func (s *syncer) Run() {
	s.mu.Lock()
	batch := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	commitAll(batch)
	s.mu.Lock()
	s.working = len(s.waiting) > 0
	more := s.working
	s.mu.Unlock()
	if more {
		s.pool.Submit(s)
	}
}

// commitAll does commit's steps for all of them, each step for all before the next.
func commitAll(batch []*commitment) {
	batch = slices.DeleteFunc(batch, func(c *commitment) bool {
		if c.u.ended {
			c.done(c.u.result)
		}
		return c.u.ended
	})
	left := each(batch, func(c *commitment) error { return c.u.flush() })
	for _, group := range byInode(left, func(u *upload) (inode, error) {
		if u.older {
			// A syncfs of others may have been told of what befell those bytes, and nobody will
			// be again; the file's own fsync is.
			return inode{}, errUnsupported
		}
		id, err := identify(int(u.file.Fd()))
		return inode{device: id.Device}, err
	}) {
		if !syncAll(group) {
			each(group, func(c *commitment) error { return c.u.sync() })
		}
	}
	left = each(left, func(c *commitment) error { return c.u.place(c.noReplace) })
	for _, group := range byInode(left, func(u *upload) (inode, error) { return u.home.inode() }) {
		err := group[0].u.syncHome()
		each(group, func(c *commitment) error {
			return fsio.NewError(fsio.OpSyncFolder, c.u.name, err)
		})
	}
	for _, c := range batch {
		c.done(c.u.end(c.err))
	}
}

// each does a step for those that had no error, and returns those that have none yet.
func each(batch []*commitment, step func(*commitment) error) (left []*commitment) {
	for _, c := range batch {
		if c.err == nil {
			c.err = step(c)
		}
		if c.err == nil {
			left = append(left, c)
		}
	}
	return left
}

// byInode groups by what inode says, in the order of the first of each group. Those of which it
// returns an error are groups of one.
func byInode(
	batch []*commitment, of func(*upload) (inode, error),
) (groups [][]*commitment) {
	place := map[inode]int{}
	for _, c := range batch {
		id, err := of(c.u)
		if at, ok := place[id]; ok && err == nil {
			groups[at] = append(groups[at], c)
			continue
		}
		if err == nil {
			place[id] = len(groups)
		}
		groups = append(groups, []*commitment{c})
	}
	return groups
}

// syncAll brings the bytes of files on one filesystem to the disk, and reports whether it could,
// and could tell.
func syncAll(group []*commitment) bool {
	if len(group) < syncAllMin {
		return false
	}
	// The kernel tells a descriptor of the errors since it was opened, unless another was told
	// before that: the one that was opened first is told of whatever befell any of them.
	oldest := slices.MinFunc(group, func(a, b *commitment) int {
		return int(int64(a.u.order - b.u.order))
	}).u
	// Since Linux 5.8 syncfs returns the errors of writing; that RESOLVE_CACHED is known says 5.12.
	if k := oldest.root.kernel; k == nil || !k.cached {
		return false
	}
	return oldest.root.do(fsio.OpSyncAll, oldest.name, func() error {
		return syncFilesystem(oldest.file)
	}) == nil
}
