package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram holds how often each time occurred, in microseconds up to ten minutes, to three digits;
// what is longer counts as ten minutes. It keeps only what occurred: a result of hundreds of turns
// would take hundreds of megabytes otherwise. So it is slow to record in: whoever records many
// times does so in a dense histogram of NewDense, and adds that. Not safe for several goroutines.
type Histogram struct {
	packed *hdrhistogram.PackedHistogram
}

// NewHistogram is an empty one.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.NewPacked(1, latencyMax.Microseconds(), latencyDigits)}
}

// NewDense is a histogram of the same range that is fast to record in and takes 180 KB.
func NewDense() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)
}

// Record counts one time.
func (h *Histogram) Record(took time.Duration) {
	// The range holds every clamped value, so there is no error to see.
	_ = h.packed.RecordValue(max(0, min(took, latencyMax)).Microseconds())
}

// AddDense adds what a histogram of NewDense holds.
func (h *Histogram) AddDense(from *hdrhistogram.Histogram) { h.packed.MergeFrom(from) }

// Merge adds what the other one holds.
func (h *Histogram) Merge(other *Histogram) { h.packed.Merge(other.packed) }

// Count is how many times it holds.
func (h *Histogram) Count() int64 { return h.packed.TotalCount() }

// Percentile is the time in microseconds that so many in a hundred do not exceed; 0 when empty.
func (h *Histogram) Percentile(p float64) int64 { return h.packed.ValueAtPercentile(p) }

// Max is the longest time in microseconds; 0 when empty.
func (h *Histogram) Max() int64 { return h.packed.Max() }

// Mean is the average in microseconds; 0 when empty.
func (h *Histogram) Mean() float64 {
	if h.Count() == 0 {
		return 0
	}
	return h.packed.Mean()
}

// MarshalJSON gives HdrHistogram's compressed form, in base64, as a string.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	text, err := h.packed.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// timesMax is how many times a histogram that is read may hold: more than anybody measures, and so
// few that sums of many do not overflow.
const timesMax = 1 << 50

// UnmarshalJSON reads that form, of a histogram with this one's range and precision.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	packed, err := hdrhistogram.DecodePacked([]byte(encoded))
	if err != nil {
		return fmt.Errorf("a histogram: %w", err)
	}
	if packed.LowestTrackableValue() != 1 || packed.SignificantFigures() != latencyDigits ||
		packed.HighestTrackableValue() != latencyMax.Microseconds() {
		return errors.New("a histogram of another range or precision")
	}
	if packed.TotalCount() > timesMax {
		return errors.New("a histogram of more times than can be measured")
	}
	h.packed = packed
	return nil
}
