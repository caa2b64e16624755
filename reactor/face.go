package reactor

import "ferry/codec"

// face is one exchange as a session speaks it: how its commands are read, how an offer is told, how
// the end of a command is answered. Each face is a file of its own; no other code asks which face a
// session has. A face that keeps no state is shared by all sessions.
type face interface {
	// properties are constant and valid for the lifetime of the program.
	properties() *properties
	// greeting is what the client is sent first, if anything.
	greeting(s *session) []byte
	// next reads the next command from in, which is what the client has sent and was not used yet.
	// It returns what to do, and how many bytes were used. It must not keep in.
	next(s *session, in []byte) (decision, int)
	// ahead is called while the session is busy and input waits. It reports whether next is to be
	// called nevertheless, for a command that does not wait for its turn.
	ahead(s *session) bool
	// prepare begins the work of a command.
	prepare(t *transfer)
	// offered tells the client of an offer that stands now.
	offered(s *session, o *offer)
	// start begins to move a transfer whose data connection was made.
	start(t *transfer)
	// refuse ends a transfer of which nothing was sent yet.
	refuse(t *transfer, o outcome, err error)
	// reply answers a command that needed no transfer.
	reply(s *session, a answer)
	// done answers the end of a transfer for which the session waited.
	done(t *transfer)
	// bye says the last words of a session that ends.
	bye(s *session, why endReason)
	// expired is told that an offer without a command has ended unused: waited, before it got a
	// port.
	expired(s *session, waited bool)
	// closed is called when control has ended. What was offered or moves may go on.
	closed(s *session)
}

type properties struct {
	// grammar is how commands are framed, for faces that are read by the session's decoder.
	grammar codec.Grammar
	// table is what is legal when.
	table *stateTable
	// sized: a field with the size precedes what is sent, and uploads come as sized records.
	sized bool
	// worksFirst: the file work of a command precedes its offer, so that errors need no offer.
	worksFirst bool
	// waits: a session takes its next command once the transfer before it has ended. Otherwise
	// transfers are detached from their session when their data connection is made.
	waits bool
	// answers: errors are answered on control. Otherwise the data connection tells them.
	answers bool
	// firstTLS: a session that begins with TLS is served in TLS. choosesData: the client says
	// whether data connections are encrypted, otherwise they are as control is.
	firstTLS, choosesData bool
	// closesFirst: the end of a transfer is answered once the client has closed the data
	// connection, or soon after. Otherwise it is answered at once. aria2 misses an answer that it
	// reads together with the one that began the transfer.
	closesFirst bool
	// urgent: urgent data is part of the commands.
	urgent bool
	// pool holds the ports on which the offers stand.
	pool poolKind
	// unusedMax is how many offers in a row a session may leave unused, 0 for any number.
	unusedMax uint8
}

type decision struct {
	kind decisionKind
	// transfer is the command to begin, for decideBegin.
	transfer *transfer
	// answer is for decideAnswer.
	answer answer
	// run is for decideRun.
	run func(s *session)
}

type decisionKind uint8

const (
	// decideWait: there is no whole command yet.
	decideWait decisionKind = iota
	// decideBegin: the command is a transfer, even if it only needs file work.
	decideBegin
	// decideFollow is decideBegin for the second of two commands that belong together.
	decideFollow
	// decideRun: the session waits until what run begins has answered the command.
	decideRun
	// decideAnswer: the command needs no work.
	decideAnswer
	// decideNothing: the input was used and needs no answer.
	decideNothing
	// decideQuit ends the session as the client asks.
	decideQuit
	// decideClosed ends it because the exchange has no login, which the server demands.
	decideClosed
	// decideViolation ends it because the client broke the protocol.
	decideViolation
	// decidePlain ends it because it is not TLS.
	decidePlain
)

// nextText reads the next command of a face that is read by the session's own decoder. Where there
// is none, ok is false and the decision is made.
func (s *session) nextText(in []byte) (text []byte, n int, d decision, ok bool) {
	ev, n := s.dec.Next(in)
	switch ev.Kind {
	case codec.EventCommand:
		return ev.Data, n, d, true
	case codec.EventError:
		d.kind = decideViolation
	default:
	}
	return nil, n, d, false
}
