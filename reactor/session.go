package reactor

import (
	"time"

	"ferry/codec"
)

// The session machine asks instead of doing: an input goes in, an output comes out, and the reactor
// performs it. What is legal when is codec's table; this file says what each input means.

// inputKind is what can happen to a session.
type inputKind uint8

const (
	inCommand   inputKind = iota + 1 // a whole command arrived
	inViolation                      // the client broke the protocol
	inFlood                          // the client sent more ahead than is allowed
	inPort                           // a data port was leased for the command
	inConnect                        // the data connection was made
	inExpire                         // the offer ended untaken
	inDone                           // the transfer ended
	inIdle                           // nothing came for the idle timeout
	inDrain                          // the server is to end
	inAbort                          // the server ends now
	inEnd                            // control is gone
	inAnswer                         // the command was answered, and moves nothing
	inPend                           // the first half of a rename was
	inGiveUp                         // what was asked for or offered was given up by abor
)

// input is one thing that happened.
type input struct {
	kind inputKind
	// verb is the command's, for inCommand.
	verb codec.Verb
}

// endReason is why a session ended, as its log line says it.
type endReason string

const (
	endNot       endReason = ""
	endQuit      endReason = "quit"
	endClosed    endReason = "closed by the client"
	endLost      endReason = "connection lost"
	endViolation endReason = "protocol error"
	endFlood     endReason = "too much sent ahead"
	endUntaken   endReason = "three offers in a row untaken"
	endUntaken1  endReason = "offer untaken"
	endIdle      endReason = "idle"
	endDrained   endReason = "server ending"
)

// output is what the reactor is to do.
type output struct {
	// ask wants a data port for the command.
	ask bool
	// tell sends the leased port to the client.
	tell bool
	// part sends the parting port to the client, farewell ends its transfers and thanks, goodbye
	// is status's.
	part, farewell, goodbye bool
	// aborted answers an abor that found nothing to end.
	aborted bool
	// disorder refuses a command that does not stand here.
	disorder bool
	// resume goes on with what was sent ahead.
	resume bool
	// end closes control for this reason, unless it is endNot.
	end endReason
}

// untakenMax is how many offers in a row a session may leave untaken. (PROTOCOL, Ports: "A session
// whose last three offers were not taken is ended".)
const untakenMax = 3

// machine is the state of one session without its connection. It has no clock and does no I/O.
type machine struct {
	exchange codec.Exchange
	face     face
	untaken  uint8
	draining bool
	// reason is why the session is Over.
	reason endReason
}

func newMachine(f face) machine { return machine{exchange: codec.NewExchange(), face: f} }

// step takes one input and says what is to be done. Inputs about a transfer that come after the
// session's end ask for nothing: the transfer goes on without it.
func (m *machine) step(in input, out *output) {
	*out = output{}
	if m.exchange.State() == codec.Over {
		return
	}
	switch in.kind {
	case inCommand:
		if m.face == faceStatus {
			m.statusCommand(in.verb, out)
		} else {
			m.command(in.verb, out)
		}
	case inAnswer:
		m.exchange.Take(codec.Answer)
		m.becomeIdle(out)
	case inPend:
		m.exchange.Take(codec.Pend)
		m.becomeIdle(out)
	case inGiveUp:
		if m.waits() {
			panic("reactor: nothing to give up")
		}
		m.exchange.Take(codec.Abort)
		m.becomeIdle(out)
	case inPort:
		m.exchange.Take(codec.Port)
		out.tell = true
	case inConnect:
		m.exchange.Take(codec.Connect)
		m.untaken = 0
		if m.face == faceClassic { // it does not wait for the transfer
			m.exchange.Take(codec.Done)
			m.becomeIdle(out)
		}
	case inExpire:
		// PROTOCOL, Classic exchange: "connected or timed out (then that session is ended […]".
		if m.face == faceClassic {
			m.becomeOver(endUntaken1, out)
			return
		}
		m.exchange.Take(codec.Expire)
		if m.untaken++; m.untaken >= untakenMax {
			m.becomeOver(endUntaken, out)
			return
		}
		m.becomeIdle(out)
	case inDone:
		m.exchange.Take(codec.Done)
		m.becomeIdle(out)
	case inDrain:
		m.draining = true
		// A command of status that was taken is answered: it may be carried out already.
		if s := m.exchange.State(); m.waits() || s == codec.Asked && m.face != faceStatus {
			m.becomeOver(endDrained, out)
		}
	case inViolation:
		m.becomeOver(endViolation, out)
	case inFlood:
		m.becomeOver(endFlood, out)
	case inIdle:
		m.becomeOver(endIdle, out)
	case inAbort:
		m.becomeOver(endDrained, out)
	case inEnd:
		m.becomeOver(endClosed, out)
	default:
		panic("reactor: input of no kind")
	}
}

func (m *machine) command(v codec.Verb, out *output) {
	if v == codec.VerbQuit {
		if m.face == faceBase && m.exchange.State() != codec.Idle {
			panic("reactor: base's commands keep their order")
		}
		m.exchange.Take(codec.Quit)
		m.exchange.Take(codec.Port)
		m.reason = endQuit
		out.part = m.face == faceBase
		out.farewell = m.face == faceClassic
		out.end = endQuit
		return
	}
	m.exchange.Take(codec.Ask)
	out.ask = true
}

// statusCommand takes a command of the status exchange. VerbUnknown stands for any that is to be
// refused.
func (m *machine) statusCommand(v codec.Verb, out *output) {
	switch {
	case v == codec.VerbQuit:
		m.exchange.Take(codec.Quit)
		m.becomeOver(endQuit, out)
		out.goodbye = true
	case v == codec.VerbAbort:
		if !m.waits() {
			panic("reactor: abor gives up what runs, and then has its turn")
		}
		m.exchange.Take(codec.Abort)
		out.aborted = true
	case v == codec.VerbRenameTo && m.exchange.Can(codec.Follow):
		m.exchange.Take(codec.Follow)
		out.ask = true
	default:
		m.exchange.Take(codec.Ask)
		out.ask = true
		out.disorder = v == codec.VerbRenameTo || v == codec.VerbHello
	}
}

// becomeStatus follows hello, which is still to be answered.
func (m *machine) becomeStatus() {
	if m.face != faceBase || m.exchange.State() != codec.Idle {
		panic("reactor: a session becomes status from base, and while it is idle")
	}
	m.face = faceStatus
	m.exchange = codec.NewStatus()
}

// becomeIdle follows the step after which the exchange waits for a command.
func (m *machine) becomeIdle(out *output) {
	if m.draining {
		m.becomeOver(endDrained, out)
		return
	}
	out.resume = true
}

func (m *machine) becomeOver(reason endReason, out *output) {
	m.exchange.Take(codec.End)
	m.reason = reason
	out.end = reason
}

// busy says whether the session waits for us or a transfer of it runs: then it is not idle.
func (m *machine) busy() bool { return !m.waits() }

// waits says whether the session waits for a command.
func (m *machine) waits() bool {
	s := m.exchange.State()
	return s == codec.Idle || s == codec.Renaming
}

// closingGrace is how long a control connection whose last answer has not left may stay, since a
// connection closed earlier would lose it, and nobody tells when it has left.
const closingGrace = 2 * time.Second
