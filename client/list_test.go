package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestListingIsParsed(t *testing.T) {
	for text, want := range map[string][]string{
		"":                    nil,
		"a\nb/\nc d\n":        {"a", "b/", "c d"},
		"a\r\nb":              {"a", "b"},
		"\n\na\n\n":           {"a"},
		"\x1b[2Jevil\n../x\n": {"\x1b[2Jevil", "../x"},
		"550 x: no such folder\nand more\n": {
			"550 x: no such folder", "and more",
		},
	} {
		f := newFake(t, "127.0.0.1", func(s *session, command string) {
			if command != "ls some folder" {
				t.Errorf("command %q", command)
			}
			finish(s.data(), record(text))
		})
		got, err := f.dial(Options{}).List(t.Context(), "some folder")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestListingLimitsHold(t *testing.T) {
	text := strings.Repeat("\n", listingNamesMax+1)
	f := newFake(t, "127.0.0.1", func(s *session, command string) {
		some := text
		if command == "ls few" {
			some = text[1:]
		}
		finish(s.data(), record(some))
	})
	c := f.dial(Options{})
	if names, err := c.List(t.Context(), "few"); err != nil || len(names) > 0 {
		t.Errorf("%d names, %v", len(names), err)
	}
	_, err := c.List(t.Context(), "many")
	wantKind(t, err, ErrTooLarge)
}

func TestListingThatIsAMessageIsAnError(t *testing.T) {
	for text, kind := range map[string]error{
		"550 a: no such folder\n":    ErrNoFolder,
		"550 a b: no such folder":    ErrNoFolder,
		"500 ls: unknown command\n":  ErrUnknownCommand,
		"500 LS a: unknown command ": nil,
	} {
		f := newFake(t, "127.0.0.1", func(s *session, _ string) { finish(s.data(), record(text)) })
		_, err := f.dial(Options{}).List(t.Context(), "a")
		if kind == nil {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		wantKind(t, err, kind)
	}
}

func TestListingOverTheLimitIsRefused(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		finish(s.data(), "9999999999a\n")
	})
	_, err := f.dial(Options{}).List(t.Context(), "")
	wantKind(t, err, ErrTooLarge)
}

func TestLongListingsArriveComplete(t *testing.T) {
	var text strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&text, "name number %d\n", i)
	}
	f := newFake(t, "127.0.0.1", func(s *session, _ string) {
		finish(s.data(), record(text.String()))
	})
	got, err := f.dial(Options{}).List(t.Context(), "")
	if err != nil || len(got) != 50_000 || got[49_999] != "name number 49999" {
		t.Errorf("%d names, %v", len(got), err)
	}
}
