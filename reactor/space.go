package reactor

// What uploads have announced is kept free for them, so that a put that cannot fit is refused at
// once and not after an hour. But an announcement costs its client nothing, so that of the free
// space only a part is kept for any one address: one that announces more than that is let in, and
// takes its chance with the rest of the disk; the puts of others find room beside it.

// spaceShare is which part of the free space that others leave is kept for the announcements of one
// address: the half, so that neither one nor a few take it all.
const spaceShare = 2

// announce counts what a small upload has announced. It is too little to be asked about first, and
// looked at when it is stored.
func (l *limiter) announce(u *usage, n int64) {
	l.space.Lock()
	defer l.space.Unlock()
	u.announced += n
	l.count(u, u.counted+n)
}

// claim counts what an upload has announced, if it fits into the free space beside what others have
// been promised and what its own address has announced.
func (l *limiter) claim(u *usage, n, free int64) error {
	l.space.Lock()
	defer l.space.Unlock()
	room := free - l.limits.FreeBytes
	room -= l.announced.Load() - u.counted // what others have been promised
	if u.announced+n > room {
		return errNoRoom
	}
	u.announced += n
	l.count(u, min(u.announced, room/spaceShare))
	return nil
}

// fits says whether n bytes, which an upload has claimed, may be written now.
func (l *limiter) fits(u *usage, n, free int64) error {
	l.space.Lock()
	defer l.space.Unlock()
	room := free - l.limits.FreeBytes
	if others := l.announced.Load() - u.counted; max(n, u.counted) > room-others {
		return errNoRoom
	}
	return nil
}

// written takes back what was announced and has its place on the disk now, or will never come.
func (l *limiter) written(u *usage, n int64) {
	if n == 0 {
		return
	}
	l.space.Lock()
	defer l.space.Unlock()
	u.announced -= n
	l.count(u, min(u.counted, u.announced))
}

// count sets how much is kept free for an address.
func (l *limiter) count(u *usage, n int64) {
	l.announced.Add(n - u.counted)
	u.counted = n
}

// claimSpace counts what the upload has announced since its last job. Where that was nothing it
// looks whether n bytes, which are to be written, still fit. It runs on workers.
func (j *job) claimSpace(n int64) error {
	if j.claimed > 0 || j.claim == 0 && n == 0 {
		return nil // this job has asked
	}
	if j.claim == 0 {
		return j.room(n)
	}
	free, err := j.t.r.store.Free()
	if err != nil {
		return err
	}
	if err := j.t.r.limiter.claim(j.t.address.use, j.claim, free); err != nil {
		return err
	}
	j.claimed, j.claim = j.claim, 0
	return nil
}

// room says whether n bytes of what was counted, or of a small upload, may be written. It runs on
// workers.
func (j *job) room(n int64) error {
	free, err := j.t.r.store.Free()
	if err != nil {
		return err
	}
	return j.t.r.limiter.fits(j.t.address.use, n, free)
}
