package client_test

import (
	"context"
	"errors"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"ferry/client"
)

// backUp is what the README shows.
func backUp(ctx context.Context, address string) error {
	c, err := client.Dial(ctx, address, client.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for range 5 {
		moved, err := c.PutFileContinue(ctx, "backup.tar", "/var/backup.tar")
		if err == nil {
			log.Printf("stored %d bytes; %d were there", moved.Size, moved.Kept)
			return nil
		}
		if !errors.Is(err, client.ErrLost) {
			return err // the server's words are in it, and its code in an *client.Error
		}
		if c, err = client.Dial(ctx, address, client.Options{}); err != nil {
			return err
		}
	}
	return errors.New("connection lost repeatedly; giving up")
}

func TestReadmeShowsWhatIsCompiledHere(t *testing.T) {
	here, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "```go\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	if len(shown) < 100 || !strings.Contains(string(here), shown) {
		t.Errorf("the README shows this, which is not compiled anywhere:\n%s", shown)
	}
}

// TestNobodyToBackUpTo: what the README shows fails as it says.
func TestNobodyToBackUpTo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := backUp(ctx, "127.0.0.1:1"); !errors.Is(err, client.ErrConnect) {
		t.Error(err)
	}
}
