package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"ferry/client"
)

// backUp stores a file, and resumes the upload when the connection is lost.
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
			return err // a *client.Error with the server's code and text
		}
		if c, err = client.Dial(ctx, address, client.Options{}); err != nil {
			return err
		}
	}
	return errors.New("connection lost repeatedly; giving up")
}

func ExampleClient_PutFileContinue() {
	err := backUp(context.Background(), "127.0.0.1:1") // nobody listens there
	fmt.Println(errors.Is(err, client.ErrConnect))
	// Output: true
}
