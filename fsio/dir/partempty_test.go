package dir

import (
	"errors"
	"testing"
	"time"

	"ferry/fsio"
)

// Who begins parts and never goes on leaves as many to others as he has, and has his own back as
// they end.
func TestPartsOfOneOwnerLeaveRoomForOthers(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, scratch(t), Options{PartsMax: 4})
		begin := func(owner string) (string, error) {
			return r.NewPart(name(t, r, "x"), fsio.PartOptions{Owner: owner})
		}
		first, err := begin("a")
		check(t, err)
		_, err = begin("a")
		check(t, err)
		_, err = begin("a")
		wantKind(t, err, fsio.KindTooMany)
		_, err = begin("b")
		check(t, err)
		_, err = begin("b")
		wantKind(t, err, fsio.KindTooMany) // it would leave less than it has
		p, err := r.OpenPart(first)
		check(t, err)
		check(t, p.Drop())
		_, err = begin("a")
		wantKind(t, err, fsio.KindTooMany) // the same
		_, err = begin("c")
		check(t, err)
		_, err = begin("d")
		check(t, err) // one is everybody's as long as there is any
		_, err = begin("")
		wantKind(t, err, fsio.KindTooMany) // all are kept
		for _, id := range partIDs(r) {
			p, err := r.OpenPart(id)
			check(t, err)
			check(t, p.Drop())
		}
		if kept, _ := r.Parts(); kept != 0 {
			t.Errorf("%d parts are counted", kept)
		}
	})
}

// However many begin parts and send nothing, who comes later finds room: what is empty, and was had
// by nobody for a while, is given up, the oldest first. What has a byte is not.
func TestEmptyPartsMakeRoom(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, scratch(t), Options{PartsMax: 6})
		begin := func(owner string) string {
			t.Helper()
			id, err := r.NewPart(name(t, r, "x"), fsio.PartOptions{Owner: owner})
			check(t, err)
			return id
		}
		refused := func(owner string) {
			t.Helper()
			_, err := r.NewPart(name(t, r, "x"), fsio.PartOptions{Owner: owner})
			wantKind(t, err, fsio.KindTooMany)
		}
		wantGone := func(id string) {
			t.Helper()
			_, err := r.OpenPart(id)
			wantKind(t, err, fsio.KindNotFound)
		}
		age := func(ids ...string) {
			for _, id := range ids {
				r.parts.parts[id].used = time.Now().Add(-emptyRest)
			}
		}
		first, second, third := begin("a"), begin("a"), begin("a")
		refused("a") // they are young
		p, err := r.OpenPart(first)
		check(t, err)
		_, err = p.WriteAt([]byte("x"), 0)
		check(t, errors.Join(err, p.Close()))
		age(first, second, third)
		old := begin("b")
		age(old)
		fourth := begin("a") // in place of its own
		wantGone(second)
		wantGone(third)
		age(fourth)
		p, err = r.OpenPart(fourth) // it is had, and young after that
		check(t, err)
		refused("a")
		check(t, p.Close())
		refused("a")
		begin("c")
		begin("d")
		begin("e") // all are kept
		begin("f") // in place of the oldest
		wantGone(old)
		refused("g")
		age(first, fourth)
		begin("g")
		wantGone(fourth)
		refused("h")
		finish(t, r, first, "x", "y")
	})
}
