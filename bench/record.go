package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// latencyMax is the longest time that a histogram tells from a longer one.
	latencyMax = 10 * time.Minute
	// latencyDigits is how many digits of a time are kept: its error is below a thousandth.
	latencyDigits = 3
	// sampleEvery is the time that a sample covers.
	sampleEvery = time.Second
)

// record is what one driver's goroutine sees in a turn. Only that goroutine touches it.
type record struct {
	kinds       map[Kind]*dense
	failures    failures
	lag         *hdrhistogram.Histogram // nil in a closed loop
	unconfirmed int64
	missed      int64
	samples     []Sample
	// busy is the time that clients took, from the window's begin to each one's last transfer, and
	// clients their number.
	busy    time.Duration
	clients int
	// took is the window with its last transfers, waited how much of that the driver had nothing to
	// do; negative where that is not known.
	took, waited time.Duration
	storm        bool
}

// dense is a kind's tally while it is being taken.
type dense struct {
	count, bytes int64
	latency      *hdrhistogram.Histogram
}

// newRecord makes room for the kinds at once, and for samples of so long a window, so that
// recording allocates nothing.
func newRecord(s *Scenario, open bool, window time.Duration) *record {
	r := &record{kinds: map[Kind]*dense{}, failures: failures{}}
	for kind, occurs := range map[Kind]bool{
		KindGet: s.Gets > 0, KindPut: s.Puts > 0, KindList: s.Lists > 0,
		KindConnect: s.Storm || s.Churn,
	} {
		if occurs {
			r.kinds[kind] = &dense{latency: NewDense()}
		}
	}
	if open {
		r.lag = NewDense()
	}
	r.storm = s.Storm
	r.samples = make([]Sample, 0, min(window, time.Hour)/sampleEvery+60)
	return r
}

// at is the sample of a moment of the window.
func (r *record) at(now time.Duration) *Sample {
	nth := int(now / sampleEvery)
	for len(r.samples) <= nth {
		r.samples = append(r.samples, Sample{})
	}
	return &r.samples[nth]
}

// ended counts what went well.
func (r *record) ended(kind Kind, now, took time.Duration, bytes int64) {
	k := r.kinds[kind]
	if k == nil {
		k = &dense{latency: NewDense()}
		r.kinds[kind] = k
	}
	k.count++
	k.bytes += bytes
	// The range holds every clamped value, so there is no error to see.
	_ = k.latency.RecordValue(max(0, min(took, latencyMax)).Microseconds())
	if kind.Transfer() || r.storm {
		s := r.at(now)
		s.Transfers++
		s.Bytes += bytes
	}
}

// failed counts what did not.
func (r *record) failed(now time.Duration, err error) {
	r.failures.add(err)
	r.at(max(now, 0)).Errors++
}

// began notes how late a start of an open loop was by the harness's own fault.
func (r *record) began(lag time.Duration) {
	_ = r.lag.RecordValue(max(0, min(lag, latencyMax)).Microseconds())
}

// addTo adds it to a turn, times apart.
func (r *record) addTo(t *Turn) {
	// A kind that never ended well is there too, with a count of 0: a churn whose transfers all
	// failed is no storm.
	for kind, d := range r.kinds {
		tally := t.Tally(kind)
		tally.Count += d.count
		tally.Bytes += d.bytes
		tally.Latency.AddDense(d.latency)
	}
	all := failures{}
	for _, f := range t.Errors {
		all.merge(failures{f.Kind: f})
	}
	all.merge(r.failures)
	t.Errors = all.sorted()
	t.Unconfirmed += r.unconfirmed
	t.Missed += r.missed
	if r.lag != nil {
		if t.Lag == nil {
			t.Lag = NewHistogram()
		}
		t.Lag.AddDense(r.lag)
	}
	t.SampleSeconds = sampleEvery.Seconds()
	for i, s := range r.samples {
		if i == len(t.Samples) {
			t.Samples = append(t.Samples, Sample{})
		}
		t.Samples[i].Transfers += s.Transfers
		t.Samples[i].Bytes += s.Bytes
		t.Samples[i].Errors += s.Errors
	}
}
