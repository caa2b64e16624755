package client

import (
	"context"
	"encoding/hex"
	"io"

	"ferry/codec"
)

// Algo is a checksum that the status exchange knows.
type Algo = codec.Algo

// The checksums: the first is fast and finds every accident, the second withstands intent.
const (
	XXH3   = codec.AlgoXXH3
	SHA256 = codec.AlgoSHA256
)

// Sum is a checksum in lower-case hexadecimal digits, and how many bytes it is of.
type Sum = codec.Sum

// Sum asks the server for a file's checksum. That takes as long as reading the file, so only the
// context bounds the wait.
func (c *Client) Sum(ctx context.Context, algo Algo, name string) (Sum, error) {
	q := codec.Request{Verb: codec.VerbSum, Algo: algo, Name: []byte(name)}
	ev, err := c.call(ctx, q, codec.CodeStatus)
	return c.parseSum(ctx, q, ev, err)
}

// parseSum reads the checksum in a reply.
func (c *control) parseSum(
	ctx context.Context, q codec.Request, ev codec.Event, err error,
) (Sum, error) {
	if err != nil {
		return Sum{}, err
	}
	sum, ok := codec.ParseSum(ev.Data)
	if !ok {
		return Sum{}, c.unexpected(ctx, q.Verb, ev)
	}
	return sum, nil
}

// LocalSum returns the checksum of the content of r, in the form of [Client.Sum]. It stops when ctx
// ends.
func LocalSum(ctx context.Context, algo Algo, r io.Reader) (Sum, error) {
	h := algo.New()
	b := make([]byte, sumBuffer)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return Sum{}, failure("", ErrGivenUp, err)
		}
		n, err := r.Read(b)
		_, _ = h.Write(b[:n])
		size += int64(n)
		if err == io.EOF {
			return Sum{Hex: hex.EncodeToString(h.Sum(nil)), Size: size}, nil
		}
		if err != nil {
			return Sum{}, failure("", ErrLocal, err)
		}
	}
}

// sumBuffer is how much is read at a time for a checksum, in bytes: enough that reading costs more
// than asking for it.
const sumBuffer = 256 << 10
