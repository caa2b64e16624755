package bench

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// latencyMax is the longest time that is told from a longer one.
	latencyMax = 10 * time.Minute
	// latencyDigits is how many digits of a time are kept.
	latencyDigits = 3
)

// Histogram counts times in microseconds. It stores only what occurred, since a result may have
// hundreds of turns; recording into it is slow. Not safe for several goroutines.
type Histogram struct{ packed *hdrhistogram.PackedHistogram }

// NewHistogram makes an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.NewPacked(1, latencyMax.Microseconds(), latencyDigits)}
}

// newDense makes a histogram of the same range that is fast to record into and takes 180 KB.
func newDense() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)
}

// micros is a time as histograms count it. The range holds all of them.
func micros(took time.Duration) int64 { return max(0, min(took, latencyMax)).Microseconds() }

// Record counts one time.
func (h *Histogram) Record(took time.Duration) { _ = h.packed.RecordValue(micros(took)) }

// Merge adds what the other one holds.
func (h *Histogram) Merge(other *Histogram) { h.packed.Merge(other.packed) }

// Count is how many times it holds.
func (h *Histogram) Count() int64 { return h.packed.TotalCount() }

// Percentile is the time in microseconds that p percent do not exceed; 0 if empty.
func (h *Histogram) Percentile(p float64) int64 { return h.packed.ValueAtPercentile(p) }

// Max is the longest time in microseconds; 0 if empty.
func (h *Histogram) Max() int64 { return h.packed.Max() }

// Mean is the average in microseconds.
func (h *Histogram) Mean() float64 { return h.packed.Mean() }

// MarshalJSON returns HdrHistogram's compressed form, in base64, as a string.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	text, err := h.packed.Encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON reads that form, of a histogram with the same range and precision.
func (h *Histogram) UnmarshalJSON(text []byte) error {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return err
	}
	packed, err := hdrhistogram.DecodePacked([]byte(encoded))
	if err == nil && (packed.SignificantFigures() != latencyDigits ||
		packed.HighestTrackableValue() != latencyMax.Microseconds()) {
		err = errors.New("a histogram of another range or precision")
	}
	h.packed = packed
	return err
}
