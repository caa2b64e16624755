package limit

import (
	"testing"

	"pgregory.net/rapid"
)

// An address reserves what it announces, at most half of the free space that others leave, and
// nothing in the end.
func TestAnnouncementsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := budget(t, func(l *Limits) { l.FreeBytes = 1000 })
		const free = 11_000
		var addresses [3]Address
		var open [3][]int64
		which := rapid.IntRange(0, 2)
		sum := func(i int) (n int64) {
			for _, m := range open[i] {
				n += m
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				i := which.Draw(t, "address")
				n := rapid.Int64Range(1, 6000).Draw(t, "bytes")
				others := b.Used(Reserved) - b.UsedBy(&addresses[i], Reserved)
				fits := sum(i)+n <= free-1000-others
				if got := b.Claim(&addresses[i], n, free); got != fits {
					t.Fatalf("%d bytes: %v", n, got)
				}
				if fits {
					open[i] = append(open[i], n)
					reserved := b.UsedBy(&addresses[i], Reserved)
					if want := min(sum(i), max(1, (free-1000-others)/2)); reserved != want {
						t.Fatalf("%d bytes are reserved, want %d", reserved, want)
					}
				}
			},
			"end": func(t *rapid.T) {
				i := which.Draw(t, "address")
				if len(open[i]) == 0 {
					t.Skip("no upload")
				}
				n := open[i][0]
				piece := rapid.Int64Range(0, n).Draw(t, "written")
				b.Written(&addresses[i], piece)
				b.Written(&addresses[i], n-piece)
				open[i] = open[i][1:]
			},
			"": func(t *rapid.T) {
				var all int64
				for i := range addresses {
					reserved := b.UsedBy(&addresses[i], Reserved)
					if got := b.UsedBy(&addresses[i], Announced); got != sum(i) || reserved < 0 ||
						reserved > min(got, 10_000/2) {
						t.Fatalf("address %d announced %d: %d, %d", i, sum(i), got, reserved)
					}
					all += reserved
				}
				if got := b.Used(Reserved); all != got {
					t.Fatalf("addresses reserve %d, the server %d", all, got)
				}
			},
		})
	})
}
