package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/dustin/go-humanize"
)

// Report is what a run showed.
type Report struct {
	// Scenario is what was run, with defaults filled in.
	Scenario Scenario
	// Took is the time from the first transfer's begin to the last one's end.
	Took time.Duration
	// Put and Get are the figures of transfers that went well.
	Put, Get Figures
	// Failures are the errors by kind, the most frequent first.
	Failures []Failure
	// ServerCPU and OwnCPU are processor time over Took; negative where it is not known.
	ServerCPU, OwnCPU time.Duration
}

// Figures are those of one kind of transfer.
type Figures struct {
	Transfers int64
	// Bytes are the files' bytes, fields not counted.
	Bytes int64
	// Unconfirmed are puts that the server did not confirm, those of Transfers included.
	Unconfirmed int64
	// Latency is from a command's begin to its transfer's end, in microseconds.
	Latency *hdrhistogram.Histogram
}

func (r *run) report(took time.Duration, before, after spent) *Report {
	sums, all := r.record.total()
	report := &Report{
		Scenario: r.Scenario, Took: took, Failures: all.sorted(), ServerCPU: -1, OwnCPU: -1,
	}
	for o, to := range map[op]*Figures{opPut: &report.Put, opGet: &report.Get} {
		f := &sums[o]
		*to = Figures{f.transfers, f.bytes, f.unconfirmed, f.latency}
	}
	if before.server >= 0 && after.server >= before.server {
		report.ServerCPU = after.server - before.server
	}
	if before.own >= 0 && after.own >= before.own {
		report.OwnCPU = after.own - before.own
	}
	return report
}

// Transfers is the number of transfers that went well.
func (r *Report) Transfers() int64 { return r.Put.Transfers + r.Get.Transfers }

// Errors is the number of errors of every kind.
func (r *Report) Errors() int64 {
	var n int64
	for _, f := range r.Failures {
		n += f.Count
	}
	return n
}

// Err is nil when every transfer went well, and says how many did not.
func (r *Report) Err() error {
	switch n := r.Errors(); {
	case n > 0:
		return fmt.Errorf("%d errors", n)
	case r.Transfers() == 0:
		return fmt.Errorf("no transfer was made")
	default:
		return nil
	}
}

// WriteTo writes the report for people: errors on top, then rates, latencies and processor time.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	r.writeFailures(&b)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\ttransfers\ttransfers/s\tbytes/s\tp50\tp90\tp99\tmax\t")
	for _, o := range []op{opPut, opGet} {
		f := &r.Put
		if o == opGet {
			f = &r.Get
		}
		if f.Transfers > 0 {
			r.writeFigures(table, o.String(), f)
		}
	}
	both := Figures{
		Transfers: r.Transfers(),
		Bytes:     r.Put.Bytes + r.Get.Bytes,
		Latency:   hdrhistogram.Import(r.Put.Latency.Export()),
	}
	both.Latency.Merge(r.Get.Latency)
	r.writeFigures(table, "both", &both)
	if err := table.Flush(); err != nil {
		return 0, err
	}
	fmt.Fprintf(&b, "%d clients, %.1f s; latency is from a command to its transfer's end.\n",
		r.Scenario.Clients, r.Took.Seconds())
	if n := r.Put.Unconfirmed; n > 0 {
		fmt.Fprintf(&b, "%d puts were sent and not confirmed by the server.\n", n)
	}
	r.writeCPU(&b, "server", r.ServerCPU)
	r.writeCPU(&b, "ferrybench itself", r.OwnCPU)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (r *Report) writeFailures(b *strings.Builder) {
	if len(r.Failures) == 0 {
		fmt.Fprintln(b, "errors: none")
		return
	}
	fmt.Fprintf(b, "errors: %d\n", r.Errors())
	for _, f := range r.Failures {
		fmt.Fprintf(b, "  %d × %s, the first: %s\n", f.Count, f.Kind, f.First)
	}
}

func (r *Report) writeFigures(w io.Writer, name string, f *Figures) {
	seconds := max(r.Took.Seconds(), 1e-9)
	fmt.Fprintf(w, "%s\t%d\t%.0f\t%s\t", name, f.Transfers, float64(f.Transfers)/seconds,
		humanize.IBytes(uint64(float64(f.Bytes)/seconds)))
	for _, percent := range []float64{50, 90, 99, 100} {
		fmt.Fprintf(w, "%s\t", latency(f.Latency.ValueAtQuantile(percent)))
	}
	fmt.Fprintln(w)
}

func (r *Report) writeCPU(b *strings.Builder, whose string, d time.Duration) {
	if d < 0 || r.Transfers() == 0 {
		return
	}
	fmt.Fprintf(b, "%s: %.2f s of processor time, %.1f µs a transfer\n", whose, d.Seconds(),
		float64(d.Nanoseconds())/1e3/float64(r.Transfers()))
}

// latency gives microseconds in three digits or so.
func latency(us int64) string {
	switch {
	case us < 1e3:
		return fmt.Sprintf("%d µs", us)
	case us < 1e5:
		return fmt.Sprintf("%.2f ms", float64(us)/1e3)
	case us < 1e6:
		return fmt.Sprintf("%.0f ms", float64(us)/1e3)
	default:
		return fmt.Sprintf("%.2f s", float64(us)/1e6)
	}
}
