package client

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// childVariable has the test program be a client that transfers one file, for tests that kill it.
// It holds what to do, the server's address, the folder of notes, and the local file, line by line.
const childVariable = "FERRY_TEST_CHILD"

// child puts or gets the file a, and prints a line for each piece that moves and one at the end.
func child() int {
	words := strings.Split(os.Getenv(childVariable), "\n")
	verb, addr, notes, local := words[0], words[1], words[2], words[3]
	ctx := context.Background()
	c, err := Dial(ctx, addr, Options{
		Exchange: Status, HelloWait: patience, NotesFolder: notes, ServerName: "the server",
		Progress: func(moved, _ int64) { fmt.Fprintln(os.Stdout, "moved", moved) },
	})
	var moved Moved
	if err == nil && verb == "put" {
		moved, err = c.PutFileContinue(ctx, "a", local)
	} else if err == nil {
		moved, err = c.GetFileContinue(ctx, "a", local)
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, "failed", err)
		return 1
	}
	fmt.Fprintln(os.Stdout, "kept", moved.Kept)
	return 0
}
