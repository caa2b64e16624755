package fsio

import (
	"sync"
	"time"
)

// SumCache remembers sums of files for as long as they are the same: by filesystem, inode, size
// and the times of the last change of content and inode, in nanoseconds. It may be used by any
// number of goroutines.
//
// A file can change without any of those changing: when it was written twice within the time that
// its filesystem tells apart. So a sum is kept only of a file whose last change was a while before
// the sum began. (A program that has mapped a file into its memory can change it and be seen later
// yet; nobody who caches by time is safe from that.)
type SumCache struct {
	// Now is the clock; tests put another in its place.
	Now func() time.Time

	mu   sync.Mutex
	max  int
	sums map[sumKey]Digest
}

type sumKey struct {
	identity Identity
	algo     Algo
	off, n   int64
}

// NewSumCache returns a cache of that many sums at most. Each takes some 250 bytes of memory.
func NewSumCache(sumsMax int) *SumCache {
	return &SumCache{Now: time.Now, max: sumsMax, sums: map[sumKey]Digest{}}
}

// Sum does as the function of that name, or answers at once what it knows.
func (c *SumCache) Sum(stop func() bool, f *File, a Algo, off, n int64) (Digest, error) {
	began := c.Now()
	before, failed := f.identify()
	key := sumKey{before, a, off, n}
	if failed == nil {
		if d, ok := c.get(key); ok {
			return d, nil
		}
	}
	d, err := Sum(stop, f, a, off, n)
	if err != nil || failed != nil || before.fresh(began) {
		return d, err
	}
	if after, err := f.identify(); err == nil && after == before {
		c.put(key, d)
	}
	return d, nil
}

// Known returns the sum if it is known, without reading the file. It does not wait for a disk.
func (c *SumCache) Known(f *File, a Algo, off, n int64) (Digest, bool) {
	id, err := f.identify()
	if err != nil {
		return Digest{}, false
	}
	return c.get(sumKey{id, a, off, n})
}

func (c *SumCache) get(key sumKey) (Digest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.sums[key]
	return d, ok
}

func (c *SumCache) put(key sumKey, d Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sums) >= c.max {
		clear(c.sums) // A sum that is asked for again is soon back.
	}
	c.sums[key] = d
}
