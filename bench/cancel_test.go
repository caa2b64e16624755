package bench

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// TestCancelRightAfterOrderStopsIt sends an order and its cancellation in one write.
func TestCancelRightAfterOrderStopsIt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	share := share{
		Site:     Site{Name: "silent", Proto: ProtoFTP, Address: silent.Addr().String()},
		Scenario: Scenario{Gets: 1, Sizes: listed(1)}, Clients: 1, Timeout: time.Minute,
	}
	for range 200 {
		in, orders := io.Pipe()
		answers, out := io.Pipe()
		served := make(chan error, 1)
		go func() { served <- ServeWorker(in, out) }()
		text, err := json.Marshal(order{Connect: &share})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = orders.Write(append(text, `{"Cancel":true}`...)) }()
		got := make(chan answer, 1)
		go func() {
			var a answer
			if json.NewDecoder(answers).Decode(&a) == nil {
				got <- a
			}
		}()
		select {
		case a := <-got:
			if a.Error == "" {
				t.Error("a cancelled order succeeded")
			}
		case <-time.After(5 * time.Second):
			t.Error("the worker lost the cancellation")
		}
		_ = errors.Join(orders.Close(), answers.Close(), <-served)
		if t.Failed() {
			return
		}
	}
}
