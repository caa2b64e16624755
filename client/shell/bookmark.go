package shell

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ferry/client"
)

func runBookmark(_ context.Context, s *Shell, c *command) error {
	if s.Config == nil || s.Config.Path == "" {
		return failure("bookmark", client.ErrLocal,
			errors.New("there is no folder for settings: set HOME or XDG_CONFIG_HOME"))
	}
	if len(c.words) == 0 {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(s.Config.Bookmarks)) {
			if s.JSON {
				s.tell(bookmarked(name, s.Config.Bookmarks[name]))
				continue
			}
			fmt.Fprintf(&b, "%-16s %s\n", name, s.paint(s.Config.Bookmarks[name]))
		}
		if b.Len() == 0 {
			s.say("no bookmarks yet: bookmark NAME keeps the server that is open")
		}
		return s.put(b.String())
	}
	name := c.words[0]
	if c.has["delete"] {
		if _, there := s.Config.Bookmarks[name]; !there {
			failed := failure(name, client.ErrNotFound, errNoBookmark)
			return &typedError{failed, name + ": " + errNoBookmark.Error()}
		}
		return s.setBookmark(name, "")
	}
	if s.main == nil {
		return errNoPlace
	}
	place := s.main.place(s.folder)
	if err := checkBookmark(name, place); err != nil {
		return &usageError{err}
	}
	if err := s.setBookmark(name, place); err != nil {
		return err
	}
	s.say("bookmark %s is %s; open %s goes there", name, place, name)
	return nil
}

// bookmarked is a bookmark as an object; one that is forgotten has no place.
func bookmarked(name, place string) *result {
	return &result{Command: "bookmark", Name: name, Remote: place, Outcome: outcomeDone}
}

func (s *Shell) setBookmark(name, place string) error {
	if err := s.Config.SetBookmark(name, place); err != nil {
		return failure(s.Config.Path, client.ErrLocal, err)
	}
	if s.JSON {
		s.tell(bookmarked(name, place))
	}
	return nil
}
