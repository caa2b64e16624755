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
	order, err := json.Marshal(Order{Connect: &share{
		Site:     Site{Name: "silent", Proto: ProtoFTP, Address: silent.Addr().String()},
		Scenario: Scenario{Gets: 1, Sizes: listed(1)}, Clients: 1, Timeout: time.Minute,
	}})
	if err != nil {
		t.Fatal(err)
	}
	calls := `{"method":"worker.Do","params":[` + string(order) + `],"id":1}` +
		`{"method":"worker.Cancel","params":[0],"id":2}`
	for range 200 {
		in, orders := io.Pipe()
		answers, out := io.Pipe()
		served := make(chan error, 1)
		go func() { served <- ServeWorker(in, out) }()
		go func() { _, _ = orders.Write([]byte(calls)) }()
		failed := make(chan any, 1)
		go func() {
			for d := json.NewDecoder(answers); ; {
				var a struct {
					ID    int
					Error any
				}
				if d.Decode(&a) != nil {
					return
				}
				if a.ID == 1 {
					failed <- a.Error
				}
			}
		}()
		select {
		case reason := <-failed:
			if reason == nil {
				t.Error("a cancelled order succeeded")
			}
		case <-time.After(5 * time.Second):
			t.Error("the worker lost the cancellation")
		}
		_ = errors.Join(orders.Close(), <-served, answers.Close())
		if t.Failed() {
			return
		}
	}
}
