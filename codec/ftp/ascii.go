package ftp

import "bytes"

// ToWire converts a file's bytes to type A: LF becomes CR LF. A CR LF in the file stays, as in
// vsftpd and proftpd: a second CR would follow the letter of RFC 959, but a client on Windows would
// store an extra CR in each line. The zero ToWire stands before the first byte.
type ToWire struct {
	returned bool // The last byte was CR.
	split    bool // The CR of a line end was written, its LF is still to come.
}

// Convert converts what fits and says how many bytes it wrote and took. It takes all of src unless
// dst is full. The next call continues wherever the last one stopped.
func (w *ToWire) Convert(dst, src []byte) (written, taken int) {
	for taken < len(src) && written < len(dst) {
		if src[taken] == '\n' {
			if !w.returned && !w.split {
				dst[written] = '\r'
				written++
				w.split = true
				continue
			}
			dst[written] = '\n'
			written++
			taken++
			w.returned, w.split = false, false
			continue
		}
		run := src[taken:]
		if end := bytes.IndexByte(run, '\n'); end >= 0 {
			run = run[:end]
		}
		n := copy(dst[written:], run)
		written += n
		taken += n
		w.returned = src[taken-1] == '\r'
	}
	return written, taken
}

// FromWire converts what a client sends in type A: CR LF becomes LF. A CR or LF alone stays. The
// zero FromWire stands before the first byte.
type FromWire struct {
	returned bool // A CR was taken and not written yet.
}

// Convert converts what fits and says how many bytes it wrote and took. It takes all of src if dst
// has one byte more. End says what is left when no more comes.
func (w *FromWire) Convert(dst, src []byte) (written, taken int) {
	for taken < len(src) && written < len(dst) {
		if w.returned {
			w.returned = false
			if src[taken] != '\n' {
				dst[written] = '\r'
				written++
				continue
			}
			dst[written] = '\n'
			written++
			taken++
			continue
		}
		run := src[taken:]
		end := bytes.IndexByte(run, '\r')
		if end >= 0 {
			run = run[:end]
		}
		n := copy(dst[written:], run)
		written += n
		taken += n
		if n == len(run) && end >= 0 {
			taken++
			w.returned = true
		}
	}
	return written, taken
}

// End says whether the input ended in a CR that is still to be written.
func (w *FromWire) End() (returned bool) { return w.returned }
