package reactor

import (
	"net/netip"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/login"
	"ferry/reactor/loop"
)

// attempt is one login, from the client's last message to its answer. First it waits if others of
// its address have failed, then it is checked, on a worker if that takes long. It is owned by the
// loop; while a worker checks, user is the worker's.
type attempt struct {
	r *reactor
	s *session
	// from is the network that the client is in, name whom it says to be.
	from netip.Addr
	name string
	// check returns the user, nil if the password is wrong. It is called once.
	check func() *login.User
	// slow: check takes tens of milliseconds. use is what its address has in use then.
	slow bool
	use  *limit.Address
	user *login.User
	done func(*rights, error)
	// deadline is the end of its delay.
	deadline loop.Deadline
}

var (
	errLoginFailed   = &refusal{codec.CodeLoginFailed, "wrong name or password"}
	errLoginsDelayed = &refusal{codec.CodeBusy, "too many failed logins from this address"}
	errLoginsFull    = &refusal{codec.CodeBusy, "too many logins at once"}
	errNoLogins      = &refusal{codec.CodeNotAllowed, "users cannot log in here"}
	errLoginPlain    = &refusal{
		codec.CodeNotAllowed, "logging in needs TLS (or --plain-passwords)",
	}
	errGivenUp = &refusal{codec.CodeAborted, "aborted"}
)

// binding is the tls-exporter value of a TLS connection (RFC 9266), nil if it has none: in TLS 1.2
// it needs the extended master secret.
func (s *session) binding() []byte {
	if !s.secure() || s.conn == nil {
		return nil
	}
	value, err := s.conn.TLS().ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	return value
}

// canLogIn reports whether the session's client may try to log in.
func (s *session) canLogIn() bool { return s.loginRefusal() == nil }

func (s *session) loginRefusal() error {
	switch server := s.r.server; {
	case server.accounts.Load() == nil:
		return errNoLogins
	case !s.secure() && !server.options.PlainPasswords:
		return errLoginPlain
	}
	return nil
}

// logIn gives a session the rights of a user.
func (s *session) logIn(g *rights) {
	s.rights = g
	s.r.server.log.Info().Uint64("session", s.id).Str("peer", s.peerText()).Str("user", g.user).
		Msg("user logged in")
}

// authenticate checks a name and a password. It calls done, on the loop and maybe before it
// returns, with the user's rights or a *refusal, unless the session ends before. The session must
// not take another command meanwhile. It does not log in: done decides.
func (s *session) authenticate(name, password string, done func(*rights, error)) {
	if err := s.loginRefusal(); err != nil {
		done(nil, err)
		return
	}
	users := s.r.server.accounts.Load().users
	s.attempt(&attempt{
		name: name, slow: true, done: done,
		check: func() *login.User { return users.Check(name, password) },
	})
}

// attempt begins a login, of which r, s and from are not set.
func (s *session) attempt(a *attempt) {
	r := s.r
	a.r, a.s, a.from, a.deadline.Owner = r, s, limit.Network(s.address.ip), a
	wait, ok := r.server.delays.Begin(a.from, a.name, r.loop.Now)
	if !ok {
		a.done(nil, errLoginsDelayed)
		return
	}
	r.attempts[s] = a
	if wait > 0 {
		r.loop.Deadlines.Set(&a.deadline, r.loop.Now+wait)
		return
	}
	a.begin()
}

// Expire is the end of the delay.
func (a *attempt) Expire(*loop.Deadline) { a.begin() }

// begin checks the password.
func (a *attempt) begin() {
	if !a.slow {
		a.user = a.check()
		a.OnLoop()
		return
	}
	l := a.r.limiter
	a.use = l.Hold(a.from)
	if l.Take(a.use, limit.Logins, 1) != limit.Enough {
		l.Release(a.use)
		a.end(nil, errLoginsFull)
		return
	}
	a.r.server.checker.Submit(a)
}

// Run checks the password on a worker.
func (a *attempt) Run() {
	a.user = a.check()
	a.r.limiter.Give(a.use, limit.Logins, 1)
	a.r.limiter.Release(a.use)
	a.r.loop.Post(a)
}

// OnLoop takes the result. It counts also if the client has not waited for it.
func (a *attempt) OnLoop() {
	var g *rights
	if a.user != nil {
		g = a.r.server.accounts.Load().rights[a.user.Name] // nil if removed meanwhile
	}
	a.r.server.delays.End(a.from, a.name, g != nil, a.r.loop.Now)
	if g == nil {
		a.r.server.log.Warn().Uint64("session", a.s.id).Str("peer", a.s.peerText()).
			Str("user", cut(a.name, logWordMax)).Msg("login failed")
		a.end(nil, errLoginFailed)
		return
	}
	a.end(g, nil)
}

// end tells the session, if it still waits.
func (a *attempt) end(g *rights, err error) {
	if a.r.attempts[a.s] == a {
		a.s.dropAttempt()
		a.done(g, err)
	}
}

// dropAttempt forgets the login of a session that ends.
func (s *session) dropAttempt() {
	if a := s.r.attempts[s]; a != nil {
		s.r.loop.Deadlines.Clear(&a.deadline)
		delete(s.r.attempts, s)
	}
}

// abortAttempt answers the login of a session as aborted.
func (s *session) abortAttempt() {
	if a := s.r.attempts[s]; a != nil {
		a.end(nil, errGivenUp)
	}
}
