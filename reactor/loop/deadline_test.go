package loop

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bell notes when it rang.
type bell struct {
	Deadline
	rang []Instant
	// again sets the Deadline anew each time it rings, this much later.
	again time.Duration
	on    *Deadlines
}

func (b *bell) Expire(d *Deadline) {
	if d != &b.Deadline || d.place != 0 {
		panic("a Deadline rang that is still set, or another's")
	}
	b.rang = append(b.rang, d.at)
	if b.again > 0 {
		b.on.Set(d, d.at+b.again)
	}
}

// The heap against a list that is sorted after every change.
func TestDeadlinesAreAModelOfASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Deadlines
		bells := make([]bell, 12)
		for i := range bells {
			bells[i].Owner = &bells[i]
			bells[i].on = &h
		}
		model := map[int]Instant{}
		now := Instant(0)
		pick := rapid.IntRange(0, len(bells)-1)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i := pick.Draw(t, "which")
				at := now + Instant(rapid.IntRange(1, 20).Draw(t, "after"))
				h.Set(&bells[i].Deadline, at)
				model[i] = at
			},
			"clear": func(t *rapid.T) {
				i := pick.Draw(t, "which")
				h.Clear(&bells[i].Deadline)
				delete(model, i)
			},
			"run": func(t *rapid.T) {
				now += Instant(rapid.IntRange(0, 15).Draw(t, "later"))
				h.run(now)
				for i := range bells {
					at, set := model[i]
					due := set && at <= now
					if rang := len(bells[i].rang) > 0; rang != due {
						t.Fatalf("bell %d rang: %v, due: %v", i, rang, due)
					}
					if due && !slices.Equal(bells[i].rang, []Instant{at}) {
						t.Fatalf("bell %d rang at %v, want %v", i, bells[i].rang, at)
					}
					if due {
						delete(model, i)
					}
					bells[i].rang = nil
				}
			},
			"": func(t *rapid.T) {
				if len(h) != len(model) {
					t.Fatalf("%d are set, want %d", len(h), len(model))
				}
				for i := range bells {
					at, set := model[i]
					if set != (bells[i].place > 0) || set && bells[i].at != at {
						t.Fatalf("bell %d is set: %v", i, bells[i].place > 0)
					}
				}
				for i, d := range h {
					if d.place != i+1 {
						t.Fatalf("place %d of index %d", d.place, i)
					}
				}
				if f := h.first(); f != nil {
					for _, at := range model {
						if at < f.at {
							t.Fatalf("the first is at %v, one at %v", f.at, at)
						}
					}
				}
			},
		})
	})
}

// A Deadline that is set anew while it rings rings again in the same run, if it is due.
func TestDeadlineSetWhileItRings(t *testing.T) {
	var h Deadlines
	b := bell{again: 3, on: &h}
	b.Owner = &b
	h.Set(&b.Deadline, 1)
	h.run(10)
	if !slices.Equal(b.rang, []Instant{1, 4, 7, 10}) || h.first().at != 13 {
		t.Errorf("it rang at %v", b.rang)
	}
}
