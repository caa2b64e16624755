package bench

import (
	"bytes"
	"errors"
)

// chunked takes a body apart that comes in chunks. (RFC 9112, 7.1.) Its zero value stands before
// the first one.
type chunked struct {
	// left is what is to come of a chunk.
	left  int64
	place chunkPlace
	ended bool
}

type chunkPlace uint8

const (
	chunkSize chunkPlace = iota
	chunkBytes
	chunkEnd     // the line end behind a chunk's bytes
	chunkTrailer // lines behind the last chunk, up to an empty one
)

// chunkLineMax is the longest line of a size or a trailer.
const chunkLineMax = 4096

var errChunk = errors.New("a chunk's size is no number")

// take gives content's pieces to each and says how much of the input it took: all but a line that
// is there in part.
func (c *chunked) take(in []byte, each func([]byte)) (int, error) {
	used := 0
	for used < len(in) && !c.ended {
		if c.place == chunkBytes {
			n := min(c.left, int64(len(in)-used))
			each(in[used : used+int(n)])
			used += int(n)
			if c.left -= n; c.left == 0 {
				c.place = chunkEnd
			}
			continue
		}
		end := bytes.IndexByte(in[used:], '\n')
		if end < 0 {
			if len(in)-used > chunkLineMax {
				return used, errChunk
			}
			return used, nil
		}
		line := bytes.TrimRight(in[used:used+end], "\r")
		used += end + 1
		if err := c.line(line); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (c *chunked) line(line []byte) error {
	switch c.place {
	case chunkSize:
		size := hexNumber(line)
		if size < 0 {
			return errChunk
		}
		c.left, c.place = size, chunkBytes
		if size == 0 {
			c.place = chunkTrailer
		}
	case chunkEnd:
		if len(line) > 0 {
			return errChunk
		}
		c.place = chunkSize
	default:
		c.ended = len(line) == 0
	}
	return nil
}

// hexNumber reads a size up to a semicolon or space; -1 for anything else.
func hexNumber(line []byte) int64 {
	var n int64
	digits := 0
	for _, b := range line {
		switch {
		case b >= '0' && b <= '9':
			n = n<<4 | int64(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			n = n<<4 | int64(b|0x20-'a'+10)
		case (b == ';' || b == ' ' || b == '\t') && digits > 0:
			return n
		default:
			return -1
		}
		if digits++; digits > 12 {
			return -1
		}
	}
	if digits == 0 {
		return -1
	}
	return n
}
