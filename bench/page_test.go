package bench

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func pageOf(t *testing.T, r *Result) string {
	t.Helper()
	var b strings.Builder
	if err := r.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements reads the page as XML, which it also is, and gives each element's name, its id, and the
// text within.
type element struct {
	name string
	attr map[string]string
	text string
}

func elements(t *testing.T, text string) []*element {
	t.Helper()
	in := xml.NewDecoder(strings.NewReader(text))
	in.Entity = xml.HTMLEntity
	var all, open []*element
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in %.200s", err, text)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

func texts(all []*element, name string) []string {
	var found []string
	for _, e := range all {
		if e.name == name {
			found = append(found, e.text)
		}
	}
	return found
}

func TestPageHasAllPlotsWithTables(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "nginx"}, clients: []int{1, 100}, noise: 0.05}.result()
	all := elements(t, pageOf(t, r))
	captions := texts(all, "figcaption")
	for _, want := range []string{
		"Latency, 1 client", "Latency, 100 clients", "Throughput over time", "Server CPU over time",
		"Server memory over time", "Transfers a second", "Median latency",
		"Server CPU for a transfer",
	} {
		if !slices.Contains(captions, want) {
			t.Errorf("no plot %q in %q", want, captions)
		}
	}
	headings := texts(all, "h2")
	for _, want := range []string{
		"Figures", "Latency by percentile", "Over time", "Over loads",
		"Targets compared",
	} {
		if !slices.Contains(headings, want) {
			t.Errorf("no part %q in %q", want, headings)
		}
	}
	tables := texts(all, "caption")
	for _, want := range []string{"ferryd → nginx, 1 client", "ferryd → nginx, 100 clients"} {
		if !slices.Contains(tables, want) {
			t.Errorf("no table %q in %q", want, tables)
		}
	}
	cells := append(texts(all, "td"), texts(all, "th")...)
	for _, want := range []string{"ferryd", "nginx", "100 clients", "30 µs", "170", "p99.9"} {
		if !slices.Contains(cells, want) {
			t.Errorf("no cell %q", want)
		}
	}
	if !slices.Contains(texts(all, "p"), "No errors.") {
		t.Error("nothing said of errors")
	}
}

func TestPageWithoutLatenciesHasNoPartForThem(t *testing.T) {
	r := synthetic{turns: 1}.result()
	turn := NewTurn()
	turn.Seconds, turn.Errors = 1, []Failure{{"stalled", 3, "x"}}
	r.Targets[0].Steps[0].Turns = []*Turn{turn}
	headings := texts(elements(t, pageOf(t, r)), "h2")
	if slices.Contains(headings, "Latency by percentile") || !slices.Contains(headings, "Figures") {
		t.Errorf("the page has %q", headings)
	}
}

func TestPageIsAccessible(t *testing.T) {
	r := synthetic{names: []string{"a", "b", "c"}, clients: []int{1, 10, 100}}.result()
	all := elements(t, pageOf(t, r))
	ids := map[string]string{}
	for _, e := range all {
		id := e.attr["id"]
		if id == "" {
			continue
		}
		if _, twice := ids[id]; twice {
			t.Errorf("two elements have the id %q", id)
		}
		ids[id] = e.text
	}
	pictures := 0
	for _, e := range all {
		for _, id := range strings.Fields(e.attr["aria-labelledby"]) {
			if ids[id] == "" {
				t.Errorf("%s is labelled by %q, which says nothing", e.name, id)
			}
		}
		if e.name != "svg" || e.attr["aria-hidden"] == "true" {
			continue
		}
		pictures++
		if e.attr["role"] != "img" || e.attr["aria-label"] == "" {
			t.Errorf("a picture without a label: %v", e.attr)
		}
	}
	if pictures < 8 {
		t.Errorf("%d pictures", pictures)
	}
}

func TestPageIsSelfContained(t *testing.T) {
	text := pageOf(t, synthetic{}.result())
	for _, e := range elements(t, text) {
		switch e.name {
		case "script", "link", "img", "iframe", "object", "embed", "base":
			t.Errorf("the page has a %s", e.name)
		}
		for name, value := range e.attr {
			if name == "src" || name == "href" || strings.HasPrefix(name, "on") ||
				strings.Contains(value, "url(") {
				t.Errorf("%s has %s=%q", e.name, name, value)
			}
		}
	}
	if strings.Contains(pageStyle, "url(") || strings.Contains(pageStyle, "@import") {
		t.Error("the style needs something else")
	}
	if !strings.Contains(text, "prefers-color-scheme: dark") {
		t.Error("there is no dark page")
	}
}

func TestPageEscapesNames(t *testing.T) {
	const evil = `</title></svg><script>alert("1")</script>&'` + "\x00\x1b"
	r := synthetic{names: []string{evil, "b"}, clients: []int{1, 10}, turns: 8}.result()
	r.Scenario, r.Command, r.Settings = evil, []string{evil}, map[string]string{evil: evil}
	r.Machine.Processor, r.Targets[0].Proto = evil, evil
	r.Targets[0].Steps[0].Turns[0].Errors = []Failure{{evil, 1, evil}}
	text := pageOf(t, r)
	alone := *r
	alone.Targets = r.Targets[:1]
	text += pageOf(t, &alone)
	if strings.Contains(text, "<script") || strings.ContainsAny(text, "\x00\x1b") {
		t.Error("a name became a part of the page")
	}
	text, _, _ = strings.Cut(text, "</html>")
	if all := elements(t, text+"</html>"); !slices.ContainsFunc(texts(all, "figcaption"),
		func(s string) bool { return s == "Median latency" }) {
		t.Error("no plot")
	}
}

// TestPageHasOneP99OfATarget has turns whose median p99 differs from the p99 of all transfers.
func TestPageHasOneP99OfATarget(t *testing.T) {
	r := synthetic{names: []string{"ferryd", "other"}, turns: 5}.result()
	step := r.Targets[0].Steps[0]
	get := step.Turns[4].Tally(KindGet)
	for range 400 {
		get.Count++
		get.Latency.Record(7 * time.Second)
	}
	pool := NewHistogram()
	for _, turn := range step.Turns {
		pool.Merge(turn.jobs().Latency)
	}
	pooled := showSeconds(float64(pool.Percentile(99)) / 1e6)
	page := pageOf(t, r)
	// The longest latency, of gets and of all, is as long.
	if n := strings.Count(page, ">"+pooled+"<"); n != 2 {
		t.Errorf("the page shows %s %d times, which is not the median p99 over turns", pooled, n)
	}
	if !strings.Contains(page, definition) {
		t.Error("the page does not define its figures")
	}
}

// TestPlotsScaleToThePhone holds that no plot has a minimum width.
func TestPlotsScaleToThePhone(t *testing.T) {
	if strings.Contains(pageStyle, "min-width") ||
		!strings.Contains(pageStyle, ".chart { display: block; width: 100%;") {
		t.Error("a plot has a minimum width, so that a phone scrolls")
	}
}

// oddResults are those whose figures draw badly: none, one, equal ones, huge ones.
func oddResults() map[string]*Result {
	bare := synthetic{turns: 1}.result()
	for _, turn := range bare.turns() {
		turn.Samples, turn.Own, turn.Server, turn.Began = nil, nil, nil, time.Time{}
	}
	one := synthetic{turns: 1}.result()
	turn := NewTurn()
	turn.Seconds = 1e-9
	get := turn.Tally(KindGet)
	get.Count = 1
	get.Latency.Record(0)
	one.Targets[0].Steps[0].Turns = []*Turn{turn}
	none := synthetic{turns: 1}.result()
	none.Targets[0].Steps[0].Turns = []*Turn{{Seconds: 1}}
	huge := synthetic{turns: 2, clients: []int{1, 1e9}}.result()
	for _, turn := range huge.turns() {
		turn.Seconds, turn.Server.CPU, turn.Server.PSS = 1e-6, 1e10, 1<<50
		turn.Samples[0].Server.CPU, turn.Samples[0].Transfers = 1e10, 1<<50
	}
	rates := synthetic{turns: 2, clients: []int{1, 2, 3}}.result()
	for i, step := range rates.Targets[0].Steps {
		step.Clients, step.Rate = 100, float64(i)*500
	}
	return map[string]*Result{
		"empty": {}, "bare": bare, "one": one, "none": none, "huge": huge, "rates": rates,
		"many": synthetic{turns: 1, rate: 20, names: strings.Split("abcdefghijk", "")}.result(),
	}
}

func TestPageDrawsOddFigures(t *testing.T) {
	for name, r := range oddResults() {
		text := pageOf(t, r)
		elements(t, text)
		for _, bad := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(text, bad) {
				i := strings.Index(text, bad)
				t.Errorf("%s: %q in %s", name, bad, text[max(0, i-80):i+80])
			}
		}
		if name == "rates" && !strings.Contains(text, "planned transfers/s") {
			t.Error("a curve over rates has another axis")
		}
	}
}

func TestCourseHasShortTurns(t *testing.T) {
	levels := func(turn *Turn, name string) []float64 {
		var all []float64
		for i, p := range course(turn, mustFigure(name), 7) {
			if i%2 == 0 {
				all = append(all, math.Round(p.y*1000)/1000)
			}
		}
		return all
	}
	// 300 in a tenth of a second; the server's usage is known for the whole turn only.
	short := &Turn{
		Seconds: 0.1, Wall: 0.1, Samples: []Sample{{Transfers: 300}}, Server: &Usage{CPU: 0.05},
	}
	// The last sample covers too little time for a rate.
	long := &Turn{Seconds: 2.01, Samples: []Sample{{Transfers: 500}, {Transfers: 700}, {}}}
	if got := levels(long, "transfers/s"); !slices.Equal(got, []float64{500, 700}) {
		t.Errorf("the long turn's throughput is %v", got)
	}
	if got := levels(short, "transfers/s"); !slices.Equal(got, []float64{3000}) {
		t.Errorf("the short turn's throughput is %v", got)
	}
	if got := levels(short, "server-cpu"); !slices.Equal(got, []float64{0.5}) {
		t.Errorf("the short turn's CPU is %v", got)
	}
}
