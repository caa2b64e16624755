package fsio

import "errors"

// Short is what Options.Fault returns to let one read or write go through with at most so many
// bytes, one at least. The rest is another call, which is asked for again. With other operations
// it is no fault.
type Short int

// Error says what it is.
func (Short) Error() string { return "short read or write" }

// allowance asks Options.Fault about a call that moves up to n bytes, and returns how many it may.
func (r *Root) allowance(op Op, name Name, n int) (int, error) {
	if r.options.Fault == nil {
		return n, nil
	}
	err := r.options.Fault(op, name)
	var short Short
	if errors.As(err, &short) {
		return min(n, max(1, int(short))), nil
	}
	return n, err
}
