package fault_test

import (
	"slices"
	"syscall"
	"testing"

	"ferry/fsio"
	"ferry/fsio/fault"
)

// call is a call that a predicate is asked about.
type call struct {
	op   fsio.Op
	name string
}

var calls = []call{
	{fsio.OpRoot, ""},
	{fsio.OpOpen, "a"},
	{fsio.OpRead, "a"},
	{fsio.OpRead, "b/c"},
	{fsio.OpRead, "b"},
	{fsio.OpWrite, "bc"},
	{fsio.OpRead, "a"},
}

func TestPredicatesChoose(t *testing.T) {
	reads := fault.OnOps(fsio.OpRead)
	for what, c := range map[string]struct {
		p    fault.Predicate
		want []int
	}{
		"calls":   {fault.Calls(), []int{1, 2, 3, 4, 5, 6}},
		"ops":     {reads, []int{2, 3, 4, 6}},
		"two":     {fault.OnOps(fsio.OpOpen, fsio.OpWrite), []int{1, 5}},
		"name":    {fault.OnName("a"), []int{1, 2, 6}},
		"beneath": {fault.Beneath("b"), []int{3, 4}},
		"first":   {fault.Nth(0, reads), []int{2}},
		"third":   {fault.Nth(2, reads), []int{4}},
		"none":    {fault.Nth(4, reads), nil},
		"from":    {fault.From(1, reads), []int{3, 4, 6}},
		"all":     {fault.All(reads, fault.OnName("a")), []int{2, 6}},
		"any":     {fault.Any(fault.OnName("bc"), fault.OnName("b")), []int{4, 5}},
		"not":     {fault.Not(reads), []int{0, 1, 5}},
		"composed": {
			fault.Nth(1, fault.All(reads, fault.Not(fault.Beneath("b")))), []int{6},
		},
	} {
		var noted []string
		p := fault.Noted(c.p, func(op fsio.Op, n fsio.Name) {
			noted = append(noted, op.String()+" "+n.String())
		})
		var got []int
		var want []string
		for i, call := range calls {
			err := fault.Inject(p, syscall.EIO)(call.op, name(t, call.name))
			if err != nil {
				got = append(got, i)
			}
			if slices.Contains(c.want, i) {
				want = append(want, call.op.String()+" "+call.name)
			}
		}
		if !slices.Equal(got, c.want) || !slices.Equal(noted, want) {
			t.Errorf("%s: chose %v, noted %q; want %v", what, got, noted, c.want)
		}
	}
}

func TestFirstAsksAll(t *testing.T) {
	f := fault.First(
		fault.Inject(fault.Nth(1, fault.Calls()), syscall.EIO),
		fault.Inject(fault.Nth(1, fault.Calls()), syscall.ENOSPC),
		fault.Inject(fault.Nth(2, fault.Calls()), syscall.EMFILE),
	)
	want := []error{nil, syscall.EIO, syscall.EMFILE, nil}
	for i, want := range want {
		if got := f(fsio.OpRead, fsio.Name{}); got != want { //nolint:errorlint // The very value.
			t.Errorf("call %d: got %v, want %v", i, got, want)
		}
	}
}

func name(t testing.TB, text string) fsio.Name {
	t.Helper()
	n, err := new(fsio.Root).ParseName([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
