package reactor

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bell notes when it rang.
type bell struct {
	deadline
	rang []instant
	// again sets the deadline anew each time it rings, this much later.
	again time.Duration
	on    *deadlines
}

func (b *bell) expire(d *deadline) {
	if d != &b.deadline || d.place != 0 {
		panic("a deadline rang that is still set, or another's")
	}
	b.rang = append(b.rang, d.at)
	if b.again > 0 {
		b.on.set(d, d.at+b.again)
	}
}

// The heap against a list that is sorted after every change.
func TestDeadlinesAreAModelOfASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h deadlines
		bells := make([]bell, 12)
		for i := range bells {
			bells[i].owner = &bells[i]
			bells[i].on = &h
		}
		model := map[int]instant{}
		now := instant(0)
		pick := rapid.IntRange(0, len(bells)-1)
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				i := pick.Draw(t, "which")
				at := now + instant(rapid.IntRange(1, 20).Draw(t, "after"))
				h.set(&bells[i].deadline, at)
				model[i] = at
			},
			"clear": func(t *rapid.T) {
				i := pick.Draw(t, "which")
				h.clear(&bells[i].deadline)
				delete(model, i)
			},
			"run": func(t *rapid.T) {
				now += instant(rapid.IntRange(0, 15).Draw(t, "later"))
				h.run(now)
				for i := range bells {
					at, set := model[i]
					due := set && at <= now
					if rang := len(bells[i].rang) > 0; rang != due {
						t.Fatalf("bell %d rang: %v, due: %v", i, rang, due)
					}
					if due && !slices.Equal(bells[i].rang, []instant{at}) {
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

// A deadline that is set anew while it rings rings again in the same run, if it is due.
func TestDeadlineSetWhileItRings(t *testing.T) {
	var h deadlines
	b := bell{again: 3, on: &h}
	b.owner = &b
	h.set(&b.deadline, 1)
	h.run(10)
	if !slices.Equal(b.rang, []instant{1, 4, 7, 10}) || h.first().at != 13 {
		t.Errorf("it rang at %v", b.rang)
	}
}
