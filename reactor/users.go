package reactor

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"ferry/reactor/login"
)

// access is who may do what on a server.
type access struct {
	// rights are those of everybody where there are no users.
	rights rights
	// accounts are nil without users.
	accounts atomic.Pointer[accounts]
	// delays slow down those who guess. checker checks passwords, one at a time.
	delays  *login.Delays
	checker workers
}

// accounts are the users of a server with the rights of each. They do not change; a reload replaces
// them.
type accounts struct {
	users  *login.Users
	rights map[string]*rights
	// anonymous is for sessions that have not logged in.
	anonymous *rights
}

// newAccounts gives each user a share of what the server allows.
func newAccounts(users *login.Users, all rights) *accounts {
	a := &accounts{users: users, rights: make(map[string]*rights)}
	for _, user := range users.All {
		g := all
		if user.Name != login.Anonymous {
			g.user = user.Name
		}
		if !user.Rights.Everything() {
			g.store = &guard{all.store, user.Rights}
		}
		a.rights[user.Name] = &g
	}
	if a.anonymous = a.rights[login.Anonymous]; a.anonymous == nil {
		all.closed = true
		a.anonymous = &all
	}
	return a
}

// of returns the rights of a user, and those of nobody if the user is not there any more.
func (a *accounts) of(user string) *rights {
	if g := a.rights[user]; g != nil {
		return g
	}
	return a.anonymous
}

// anonymous are the rights of a session that has not logged in.
func (s *Server) anonymous() *rights {
	if a := s.accounts.Load(); a != nil {
		return a.anonymous
	}
	return &s.rights
}

// loginText says who logs in.
func (s *Server) loginText() string {
	a := s.accounts.Load()
	switch {
	case a == nil:
		return "nobody logs in"
	case a.anonymous.closed:
		return "a login is required"
	default:
		return "a login is optional"
	}
}

// loadUsers reads the users file.
func (s *Server) loadUsers() error {
	users, err := login.Load(s.options.Users)
	if err != nil {
		return fmt.Errorf("--users %s: %w", s.options.Users, err)
	}
	s.accounts.Store(newAccounts(users, s.rights))
	return nil
}

// ReloadUsers reads the users file again. Sessions have their user's new rights at their next
// command. If the file is wrong, the former users stay. It does nothing without a users file.
func (s *Server) ReloadUsers() {
	if s.options.Users == "" {
		return
	}
	if err := s.loadUsers(); err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		s.log.Error().Err(visibleError(errors.New(text))).
			Msg("the users file was not read; the users before stay")
		return
	}
	for _, r := range s.reactors {
		r.loop.Order(r.renewRights)
	}
	s.log.Info().Int("users", len(s.accounts.Load().users.All)).Msg("the users file was read")
}

// renewRights gives every session the present rights of its user.
func (r *reactor) renewRights() {
	a := r.server.accounts.Load()
	for s := range r.sessions {
		s.rights = a.of(s.user)
	}
}

// usersInside reports whether the users file is in the folder that is served: clients could read
// it, and guess passwords from it.
func (o *Options) usersInside() bool {
	root, err1 := filepath.EvalSymlinks(o.Root)
	file, err2 := filepath.EvalSymlinks(o.Users)
	if err1 != nil || err2 != nil {
		return false
	}
	root, err1 = filepath.Abs(root)
	file, err2 = filepath.Abs(file)
	if err1 != nil || err2 != nil {
		return false
	}
	within, err := filepath.Rel(root, file)
	return err == nil && filepath.IsLocal(within)
}
