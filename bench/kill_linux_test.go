package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/client"
)

const (
	killsDefault = 6 // kills in every test run; FERRY_KILLS says another number
	killWriters  = 8 // clients that upload when the server is killed
	killNames    = 5 // names that each of them writes over and over
	killAfterMax = 250 * time.Millisecond
)

// versions are what one client did to one name: it uploads the next version each time.
type versions struct {
	// stored is the last that the server confirmed, begun the last that was begun.
	stored, begun uint64
	// kept is how many bytes of uploads that were broken off did not have to be sent again.
	kept int64
}

// TestKilledServerLeavesWholeFiles kills the server during uploads, at random moments: under every
// name there is then the old file or the whole new one, and after the next start no temporary file
// but parts, with which their uploads can be resumed.
//
//	FERRY_KILLS=100 go test ./bench -run KilledServer -v
func TestKilledServerLeavesWholeFiles(t *testing.T) {
	kills := killsDefault
	if text := os.Getenv("FERRY_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	program, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	folder := diskFolder(t)
	root := filepath.Join(folder, "files")
	scratch := t.TempDir()
	var state [killWriters][killNames]versions
	cut, leftovers := 0, 0
	for range kills {
		s, err := StartServer(t.Context(), program, folder)
		if err != nil {
			t.Fatal(err)
		}
		if left := temporaries(t, root); len(left) > 0 {
			t.Fatalf("after the start there is %v", left)
		}
		cut += uploadUntilKilled(t, s, scratch, &state)
		leftovers += len(temporaries(t, root))
		for w := range state {
			for n := range state[w] {
				checkVersion(t, root, w, n, &state[w][n])
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills cut %d uploads off and left %d temporary files", kills, cut, leftovers)
	if cut == 0 {
		t.Error("no upload was cut off: the test has shown nothing")
	}
	s, err := StartServer(t.Context(), program, folder)
	if err != nil {
		t.Fatal(err)
	}
	kept := int64(0)
	for w := range state {
		for n := range state[w] {
			v := &state[w][n]
			if _, parts := killExchange(w); parts && v.begun > v.stored {
				if err := uploadNext(s.Address, scratch, w, n, v); err != nil {
					t.Errorf("%s could not be gone on with: %v", killName(w, n), err)
				}
				checkVersion(t, root, w, n, v)
			}
			kept += v.kept
		}
	}
	t.Logf("%d bytes of broken uploads were not sent again", kept)
	if kept == 0 && kills >= 50 {
		t.Error("no upload was gone on with")
	}
	if left := temporaries(t, root); len(left) > 0 {
		t.Errorf("after the last start there is %v", left)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// uploadUntilKilled uploads from many clients, kills the server at a random moment, and returns how
// many uploads that cut off.
func uploadUntilKilled(
	t *testing.T, s *Server, scratch string, state *[killWriters][killNames]versions,
) int {
	var all sync.WaitGroup
	var mu sync.Mutex
	cut := 0
	for w := range killWriters {
		all.Go(func() {
			for n := 0; ; n = (n + 1) % killNames {
				if err := uploadNext(s.Address, scratch, w, n, &state[w][n]); err != nil {
					mu.Lock()
					defer mu.Unlock()
					cut++
					return
				}
			}
		})
	}
	pause(time.Duration(rand.Int64N(int64(killAfterMax))))
	if err := s.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-s.ended
	all.Wait()
	return cut
}

// killExchange is what a writer speaks: half of them base, a quarter each status in one go and
// status by parts.
func killExchange(w int) (exchange client.Exchange, parts bool) {
	if w%2 == 0 {
		return client.Base, false
	}
	return client.Status, w%4 == 3
}

// uploadNext uploads the next version of a name, and says whether the server was gone.
func uploadNext(address, scratch string, w, n int, v *versions) error {
	ctx := context.Background()
	exchange, parts := killExchange(w)
	c, err := client.Dial(ctx, address, client.Options{
		Exchange: exchange, DataRetry: -1, ServerName: "killed",
		NotesFolder: filepath.Join(scratch, "notes"),
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if parts {
		return goOnWith(ctx, c, scratch, w, n, v)
	}
	v.begun++
	content := versionOf(w, n, v.begun)
	stored, err := c.Put(ctx, killName(w, n), bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	if stored != client.Confirmed {
		return fmt.Errorf("upload %v", stored)
	}
	v.stored = v.begun
	return nil
}

// goOnWith uploads a version by a part. An interrupted upload is resumed.
func goOnWith(
	ctx context.Context, c *client.Client, scratch string, w, n int, v *versions,
) error {
	local := filepath.Join(scratch, killName(w, n))
	if v.begun == v.stored {
		v.begun++
		if err := os.WriteFile(local, versionOf(w, n, v.begun), 0o600); err != nil {
			return err
		}
	}
	moved, err := c.PutFileContinue(ctx, killName(w, n), local)
	if err != nil {
		return err
	}
	v.kept += moved.Kept
	v.stored = v.begun
	return nil
}

func killName(w, n int) string { return fmt.Sprintf("w%d-n%d", w, n) }

// versionOf is the content of a version: its number, then bytes that follow from it. Sizes differ
// from version to version, from some that go in one piece to some that take many.
func versionOf(w, n int, number uint64) []byte {
	random := rand.New(rand.NewPCG(uint64(w)<<32|uint64(n), number))
	size := []int{100, 5000, 70 << 10, 3 << 20}[random.IntN(4)] + random.IntN(1000)
	content := binary.BigEndian.AppendUint64(nil, number)
	for len(content) < size {
		content = binary.BigEndian.AppendUint64(content, random.Uint64())
	}
	return content
}

// checkVersion looks whether a name holds one whole version between the last confirmed one and the
// last begun one.
func checkVersion(t *testing.T, root string, w, n int, v *versions) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, killName(w, n)))
	if os.IsNotExist(err) && v.stored == 0 {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	if len(content) < 8 {
		t.Errorf("%s holds %d bytes", killName(w, n), len(content))
		return
	}
	number := binary.BigEndian.Uint64(content)
	if number < v.stored || number > v.begun || !bytes.Equal(content, versionOf(w, n, number)) {
		t.Errorf("%s holds %d bytes of version %d; %d was confirmed and %d begun",
			killName(w, n), len(content), number, v.stored, v.begun)
	}
}

// temporaries are the hidden names under a folder, without the parts, which wait to be resumed.
func temporaries(t *testing.T, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".ferry-parts" {
			return filepath.SkipDir
		}
		if err == nil && strings.HasPrefix(d.Name(), ".") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
