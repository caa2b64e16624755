package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
)

// stream is two pipes as one connection. Closing it closes the second.
type stream struct {
	io.Reader
	io.WriteCloser
}

// endReader calls end when its reader ends.
type endReader struct {
	io.Reader
	end func()
}

// Read implements io.Reader.
func (r endReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil {
		r.end()
	}
	return n, err
}

// ServeWorker is a worker: it carries out the calls that it reads from in, in JSON-RPC, and writes
// the answers to out. The end of in cancels what runs.
func ServeWorker(in io.Reader, out io.WriteCloser) error {
	w, server := newService(), rpc.NewServer()
	if err := server.RegisterName("worker", w); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(stream{endReader{in, w.cancel}, out}))
	return w.Do(Order{HangUp: true}, nil)
}

// worker drives a share of every turn's clients, in this process or in another one.
type worker struct {
	client *rpc.Client
	wait   func() error // for its end
}

// startWorker starts a process that calls ServeWorker, or a goroutine if there is no command.
func startWorker(command []string) (*worker, error) {
	if len(command) == 0 {
		here, there := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- ServeWorker(there, there) }()
		return &worker{jsonrpc.NewClient(here), func() error { return <-ended }}, nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		return nil, fmt.Errorf("worker process: %w", err)
	}
	return &worker{jsonrpc.NewClient(stream{out, in}), cmd.Wait}, nil
}

// do carries out an order. The end of the context cancels it. The report may be nil.
func (w *worker) do(ctx context.Context, o Order) (*Report, error) {
	cancel := func() { w.client.Go("worker.Cancel", 0, new(int), nil) }
	defer context.AfterFunc(ctx, cancel)()
	var r Report
	err := w.client.Call("worker.Do", o, &r)
	var told rpc.ServerError
	if err != nil && !errors.As(err, &told) {
		err = fmt.Errorf("a worker process ended unexpectedly: %w", err)
	}
	if r.Turn == nil {
		return nil, err
	}
	return &r, err
}

// progress is the transfers, bytes and errors since the current run began.
func (w *worker) progress() (counts [3]int64) {
	_ = w.client.Call("worker.Progress", 0, &counts) // the order will meet the same error
	return counts
}

func (w *worker) quit() {
	_ = w.client.Close()
	_ = w.wait() // every order was answered before
}
