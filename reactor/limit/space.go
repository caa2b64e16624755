package limit

// Space that uploads have announced is reserved, so that an upload that cannot fit is refused at
// once and not after an hour. Announcing costs a client nothing, so each address reserves at most
// half of the free space that others leave. It may announce more, which competes for the rest.

// Announce counts a small upload, whose space is checked only when it is stored.
func (b *Budget) Announce(a *Address, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(a, Announced, n)
	b.add(a, Reserved, n)
}

// Claim counts an upload of n bytes and reports true if it fits into the free space after what
// others have reserved and what its own address has announced.
func (b *Budget) Claim(a *Address, n, free int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.room(a, free)
	if a.used[Announced]+n > room {
		return false
	}
	b.add(a, Announced, n)
	b.add(a, Reserved, min(a.used[Announced], share(room, fairParts))-a.used[Reserved])
	return true
}

// Fits reports whether n bytes of a counted upload may be written now.
func (b *Budget) Fits(a *Address, n, free int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(n, a.used[Reserved]) <= b.room(a, free)
}

// room is the free space that an address may use.
func (b *Budget) room(a *Address, free int64) int64 {
	others := b.counts[Reserved].used - a.used[Reserved]
	return free - b.Limits.FreeBytes - others
}

// Written takes back n announced bytes: they are on the disk now, or will not come.
func (b *Budget) Written(a *Address, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(a, Announced, -n)
	b.add(a, Reserved, min(0, a.used[Announced]-a.used[Reserved]))
}
