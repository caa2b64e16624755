// Package limit bounds what clients may use of a server. Limits.Table describes every limit: flags,
// defaults, validation and documentation come from it. A Budget counts what is in use, over all
// reactors and per client address. Rates bound how fast an address opens sessions.
package limit

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
)

// Limits bound what clients may use. Table describes each field; start from Defaults.
type Limits struct {
	Counts
	Sizes
	Times
}

// Counts are limits of numbers of things.
type Counts struct {
	Sessions, SessionsPerAddress, SessionRate int
	Transfers, TransfersPerAddress            int
	Offers, OffersPerAddress                  int
	Sums, SumsPerAddress                      int
	Keyless, Handshakes, Parts, Logins        int
}

// Sizes are limits in bytes, RateBytes in bytes per second.
type Sizes struct {
	CommandBytes, RateBytes                    int
	ControlBufferBytes, UploadBytes, FreeBytes int64
	SumBytes, ListingBytes, ListingsBytes      int64
}

// Times are limits of durations.
type Times struct {
	IdleTimeout, OfferTimeout, StallTimeout, DrainTimeout time.Duration
	LeaseRest, ClassicRest                                time.Duration
}

// Defaults are the limits of a server without flags.
func Defaults() (l Limits) {
	for _, r := range l.Table() {
		r.set(r.Default)
	}
	return l
}

// Validate returns an error for each limit that is out of its range.
func (l *Limits) Validate() (faults []error) {
	for _, r := range l.Table() {
		if v := r.value(); v < r.Least || v > r.Most {
			faults = append(faults, fmt.Errorf("--%s %s: give from %s to %s", r.Flag, r.text(v),
				r.text(r.Least), r.text(r.Most)))
		}
	}
	return faults
}

// value is the value of the limit, for ports the default.
func (r *Row) value() int64 {
	if r.Value == nil {
		return r.Default
	}
	return reflect.ValueOf(r.Value).Elem().Int()
}

func (r *Row) set(v int64) {
	if r.Value != nil {
		reflect.ValueOf(r.Value).Elem().SetInt(v)
	}
}

// text writes a value of the limit in its unit.
func (r *Row) text(v int64) string {
	switch r.Value.(type) {
	case *int64:
		return Size(v).String()
	case *time.Duration:
		return time.Duration(v).String()
	default:
		return strconv.FormatInt(v, 10)
	}
}

// Size is a flag for a number of bytes: 4096, 64KiB, 1.5GB and the like.
type Size int64

// String is the size as Set takes it, in the largest unit that holds it exactly.
func (s Size) String() string {
	units := []string{"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for s != 0 && s%1024 == 0 && len(units) > 1 {
		s, units = s/1024, units[1:]
	}
	return strconv.FormatInt(int64(s), 10) + units[0]
}

// Set reads the flag.
func (s *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > sizeMost {
		return errors.New("give a size such as 4096, 64KiB or 1.5GB")
	}
	*s = Size(n)
	return nil
}

// Type is the placeholder in the flag's help.
func (Size) Type() string { return "SIZE" }
