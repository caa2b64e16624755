package reactor

import (
	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/login"
)

// auth begins a login by SCRAM, or ends it. (PROTOCOL.md, Login.)
func (f *statusFace) auth(s *session, q codec.Request) decision {
	e := f.exchange
	f.exchange = nil
	if err := s.loginRefusal(); err != nil {
		return notAllowed(q.Verb, err)
	}
	if q.Mechanism != 0 {
		plus := q.Mechanism == codec.MechanismScramPlus
		e = s.r.server.accounts.Load().users.NewExchange(s.binding(), plus)
		challenge, err := e.First(string(q.Message))
		if err != nil {
			return answerWith(codec.CodeArgument, []byte("auth: "+err.Error()))
		}
		f.exchange = e
		return answerWith(codec.CodeChallenge, codec.AppendMessage(nil, []byte(challenge)))
	}
	if e == nil {
		return answerWith(codec.CodeOrder, []byte("auth: wrong order"))
	}
	reply := ""
	a := &attempt{name: e.Name()}
	a.check = func() (user *login.User) {
		user, reply = e.Final(string(q.Message))
		return user
	}
	a.done = func(g *rights, err error) { f.authDone(s, g, err, reply) }
	return decision{kind: decideRun, run: func(s *session) { s.attempt(a) }}
}

// authDone answers a login.
func (f *statusFace) authDone(s *session, g *rights, err error, reply string) {
	if err != nil {
		f.reply(s, answerTo([]byte("auth"), err))
	} else {
		s.logIn(g)
		f.folder = fsio.Name{} // the user may not see the one before
		f.reply(s, answer{codec.CodeLoggedIn, codec.AppendMessage(nil, []byte(reply))})
	}
	s.feed(inAnswer)
}
