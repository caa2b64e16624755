package reactor

// claimSpace counts what the upload has announced since its last job. Where that was nothing it
// looks whether n bytes, which are to be written, still fit. It runs on workers.
func (j *job) claimSpace(n int64) error {
	if j.claimed > 0 || j.claim == 0 && n == 0 {
		return nil // this job has asked
	}
	if j.claim == 0 {
		return j.room(n)
	}
	free, err := j.root().Free()
	if err != nil {
		return err
	}
	if !j.t.r.limiter.Claim(j.t.address.use, j.claim, free) {
		return errNoRoom
	}
	j.claimed, j.claim = j.claim, 0
	return nil
}

// room says whether n bytes of what was counted, or of a small upload, may be written. It runs on
// workers.
func (j *job) room(n int64) error {
	free, err := j.root().Free()
	if err != nil {
		return err
	}
	if !j.t.r.limiter.Fits(j.t.address.use, n, free) {
		return errNoRoom
	}
	return nil
}
