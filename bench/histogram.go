package bench

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// latencyMax is the longest time; longer ones are recorded as this.
	latencyMax = 10 * time.Minute
	// latencyDigits is how many digits of a time are kept.
	latencyDigits = 3
)

// Histogram counts times in microseconds. Not safe for several goroutines.
type Histogram struct{ *hdrhistogram.Histogram }

// NewHistogram makes an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, latencyMax.Microseconds(), latencyDigits)}
}

// Record counts one time.
func (h *Histogram) Record(took time.Duration) {
	_ = h.RecordValue(max(0, min(took, latencyMax)).Microseconds()) // it is in range
}

// Merge adds the times of the other one.
func (h *Histogram) Merge(other *Histogram) { h.Histogram.Merge(other.Histogram) }

// Percentile is the time in microseconds that p percent do not exceed; 0 if empty.
func (h *Histogram) Percentile(p float64) int64 { return h.ValueAtPercentile(p) }

// MarshalJSON returns HdrHistogram's compressed form, in base64, as a string.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	text, err := h.EncodeV2()
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
	read, err := hdrhistogram.Decode([]byte(encoded))
	if err == nil && (read.SignificantFigures() != latencyDigits ||
		read.HighestTrackableValue() != latencyMax.Microseconds()) {
		err = errors.New("a histogram of another range or precision")
	}
	h.Histogram = read
	return err
}
