package limit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Limits bound what clients may use. Table describes each field; start from Defaults.
type Limits struct {
	Counts
	Sizes
	Times
}

// Counts are limits in numbers of things.
type Counts struct {
	Sessions, SessionsPerAddress, SessionRate int
	Transfers, TransfersPerAddress            int
	Offers, OffersPerAddress                  int
	Sums, SumsPerAddress                      int
	Keyless, Parts                            int
}

// Sizes are limits in bytes, RateBytes in bytes a second.
type Sizes struct {
	CommandBytes                     int
	ControlBufferBytes               int64
	UploadBytes, FreeBytes, SumBytes int64
	ListingBytes, ListingsBytes      int64
	RateBytes                        int64
}

// Times are limits of durations.
type Times struct {
	IdleTimeout, OfferTimeout, StallTimeout, DrainTimeout time.Duration
	LeaseRest, ClassicRest                                time.Duration
}

// Defaults are the limits of a server without flags.
func Defaults() Limits {
	var l Limits
	for i := range Table {
		if r := &Table[i]; r.Field != nil {
			r.set(&l, r.Default)
		}
	}
	return l
}

// listingsLeast is how many of the longest listings memory must suffice for: one address has room
// for one, and another address as well.
const listingsLeast = 4

// Validate returns an error for each limit that is out of its range.
func (l *Limits) Validate() (faults []error) {
	for i := range Table {
		r := &Table[i]
		if r.Field == nil {
			continue
		}
		least := r.Least
		if r.Flag == "max-listing-memory" {
			least = listingsLeast * l.ListingBytes
		}
		if v := r.get(l); v < least || v > r.Most {
			faults = append(faults, fmt.Errorf("--%s %s: give from %s to %s",
				r.Flag, r.Unit.text(v), r.Unit.text(least), r.Unit.text(r.Most)))
		}
	}
	return faults
}

// get is the value of a row's field.
func (r *Row) get(l *Limits) int64 {
	switch p := r.Field(l).(type) {
	case *int:
		return int64(*p)
	case *int64:
		return *p
	default:
		return int64(*p.(*time.Duration))
	}
}

func (r *Row) set(l *Limits, v int64) {
	switch p := r.Field(l).(type) {
	case *int:
		*p = int(v)
	case *int64:
		*p = v
	default:
		*p.(*time.Duration) = time.Duration(v)
	}
}

// Unit says what the value of a limit counts.
type Unit uint8

// Units of limits.
const (
	Number Unit = iota
	Bytes
	Duration
	Ports // a number of ports or a range of them
)

// text is a value as a flag takes it.
func (u Unit) text(v int64) string {
	switch u {
	case Bytes:
		size := Size(v)
		return size.String()
	case Duration:
		return time.Duration(v).String()
	default:
		return strconv.FormatInt(v, 10)
	}
}

// placeholder stands for a value in help.
func (u Unit) placeholder() string {
	return [...]string{Number: "int", Bytes: "SIZE", Duration: "duration", Ports: "N|FIRST-LAST"}[u]
}

// Usage is the help text of a row's flag.
func (r *Row) Usage() string {
	if r.Auto == "" {
		return r.Help
	}
	return r.Help + " (default " + r.Auto + ")"
}

// Markdown is the table of limits for documentation.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| limit | default | what and why | at the limit, in base | " +
		"at the limit, in status |\n|---|---|---|---|---|\n")
	for i := range Table {
		r := &Table[i]
		standard := r.Auto
		if standard == "" {
			standard = "`" + r.Unit.text(r.Default) + "`"
		}
		flag := strings.ReplaceAll("--"+r.Flag+" "+r.Unit.placeholder(), "|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", flag, standard, r.Help, r.Base, r.Status)
	}
	return b.String()
}

// Size is a flag for a number of bytes: 4096, 64KiB, 1.5GB and the like.
type Size int64

// String is the size as Set takes it, in the largest unit that holds it exactly.
func (s *Size) String() string {
	if s == nil || *s == 0 {
		return "0"
	}
	n, unit := int64(*s), 0
	units := [...]string{"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for n%1024 == 0 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	return strconv.FormatInt(n, 10) + units[unit]
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
func (s *Size) Type() string { return Bytes.placeholder() }

// sizeMost is more bytes than there are anywhere.
const sizeMost = 1 << 62
