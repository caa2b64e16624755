package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/codec"
)

const (
	listingClients = 100    // that ask for a listing and do not read it
	listingNames   = 20_000 // which makes a listing of some 4.5 MB, more than a socket takes
	listingMemory  = 32 << 20
)

// TestUnreadListingsAreBounded: a hundred clients that ask for a large listing and read nothing
// cost the server what --max-listing-memory allows, with the garbage that Go keeps beside it, and
// a client that reads has its listing meanwhile.
func TestUnreadListingsAreBounded(t *testing.T) {
	//nolint:usetesting // In memory, where there is such a place: a disk takes a while.
	root, err := os.MkdirTemp("/dev/shm", "ferry-listing-")
	if err != nil {
		root = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	h := hold(t, "--root", root, "--max-listing-memory", fmt.Sprint(listingMemory),
		"--max-listing", fmt.Sprint(listingMemory/4)) // the most that fits it
	if err := os.Mkdir(filepath.Join(root, "large"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range listingNames {
		name := filepath.Join(root, "large", fmt.Sprintf("%06d-%s", i, strings.Repeat("n", 220)))
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	reader := h.dial(t, "127.0.0.5")
	defer func() { _ = reader.Close() }()
	list := func() {
		t.Helper()
		names, err := reader.List(t.Context(), "large")
		if err != nil || len(names) != listingNames {
			t.Fatalf("%d names, %v", len(names), err)
		}
	}
	list()
	before := h.pss(t)
	sessions, err := h.connect("127.0.0.3", listingClients)
	defer sessions.close()
	if err != nil {
		t.Fatal(err)
	}
	var unread controls
	defer func() { unread.close() }()
	for _, control := range sessions {
		unread = append(unread, openData(t, h, "127.0.0.3", control, codec.VerbList, "large"))
	}
	list()
	list()
	after := h.pss(t)
	t.Logf("memory %d before, %d with %d unread listings", before, after, listingClients)
	// What is held, as much again until the next collection, and two that are being built.
	if most := before + 4*listingMemory; after > most {
		t.Errorf("the server has %d bytes of memory, %d before", after, before)
	}
}
