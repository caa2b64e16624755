package reactor

import (
	"time"

	"ferry/codec"
)

// The session machine asks instead of doing: an input goes in, an output comes out, and the session
// performs it. In every exchange a session runs one command at a time:
//
//	       inAsk          inPort            inConnect          inDone
//	idle ────────► asked ────────► offered ──────────► moving ────────► idle
//	                │ inAnswer         │ inExpire
//	                └──────► idle      └──────► idle
//
// Input from the client that arrives in another state than idle waits until the session is idle
// again.

type sessionState uint8

const (
	// sessionIdle waits for a command.
	sessionIdle sessionState = iota + 1
	// sessionRenaming is idle after the first half of a rename.
	sessionRenaming
	// sessionAsked has a command and no port yet.
	sessionAsked
	// sessionOffered has told a port and waits for the data connection.
	sessionOffered
	// sessionMoving has a data connection.
	sessionMoving
	// sessionOver has no control connection any more, or is about to lose it.
	sessionOver
	sessionStates
)

var sessionStateNames = [sessionStates]string{
	"none", "idle", "renaming", "asked", "offered", "moving", "over",
}

func (s sessionState) String() string { return sessionStateNames[s] }

type inputKind uint8

const (
	inAsk     inputKind = iota + 1 // a command began
	inFollow                       // the second half of a rename began
	inQuit                         // the client ends the session
	inPort                         // the command's offer stands
	inConnect                      // the data connection was made
	inExpire                       // the offer ended unused
	inDone                         // the transfer ended
	inAnswer                       // the command was answered without a transfer
	inPend                         // the first half of a rename was answered
	inGiveUp                       // the offer was withdrawn before its data connection
	inTable                        // those before are legal where a table says so, the rest always

	inDrain     // the server drains
	inClosed    // the client cannot log in, and must
	inViolation // the client broke the protocol
	inFlood     // the client sent more ahead than is allowed
	inPlain     // the client did not begin with TLS, which is required
	inIdle      // nothing came for the idle timeout
	inAbort     // the server ends now
	inLogin     // too many logins failed
	inEnd       // control is gone
)

// stateTable has the state after each legal input, and 0 for illegal ones.
type stateTable [sessionStates][inTable]sessionState

// portTable is for exchanges that answer a command with nothing but a port. Only classic quits
// while it waits for a data connection. (PROTOCOL.md, Classic commands.)
var portTable = stateTable{
	sessionIdle:    {inAsk: sessionAsked, inQuit: sessionOver},
	sessionAsked:   {inPort: sessionOffered, inQuit: sessionOver},
	sessionOffered: {inConnect: sessionMoving, inExpire: sessionIdle, inQuit: sessionOver},
	sessionMoving:  {inDone: sessionIdle},
}

// replyTable is for exchanges that answer on control.
var replyTable = stateTable{
	sessionIdle:     {inAsk: sessionAsked, inQuit: sessionOver},
	sessionRenaming: {inAsk: sessionAsked, inFollow: sessionAsked, inQuit: sessionOver},
	sessionAsked: {
		inAnswer: sessionIdle, inPend: sessionRenaming, inPort: sessionOffered,
	},
	sessionOffered: {
		inConnect: sessionMoving, inExpire: sessionIdle, inGiveUp: sessionIdle,
	},
	sessionMoving: {inDone: sessionIdle},
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
	endPlain     endReason = codec.TLSRequired
	endHandshake endReason = "TLS handshake failed"
	endUnused    endReason = "three offers in a row unused"
	endUnused1   endReason = "offer unused"
	endIdle      endReason = "idle"
	endNoLogin   endReason = "not logged in"
	endDrained   endReason = "server ending"
	endLogin     endReason = "too many failed logins"
)

// endReasons are those of the inputs that end a session by themselves.
var endReasons = [inEnd + 1]endReason{
	inQuit: endQuit, inViolation: endViolation, inFlood: endFlood, inIdle: endIdle,
	inAbort: endDrained, inLogin: endLogin, inEnd: endClosed,
	inClosed: endNoLogin, inPlain: endPlain,
}

type output struct {
	// tell tells the client of its offer.
	tell bool
	// resume takes further commands.
	resume bool
	// end closes control for this reason, unless it is endNot.
	end endReason
}

// machine is the state of one session without its connection. It has no clock and does no I/O.
type machine struct {
	*properties
	// reason is why the session is over.
	reason endReason
	state  sessionState
	// unused counts the offers in a row that were not used.
	unused   uint8
	draining bool
}

func newMachine(p *properties) machine { return machine{state: sessionIdle, properties: p} }

// step takes one input and says what is to be done. It panics when an input is not legal. Inputs
// that come after the session's end ask for nothing: a transfer goes on without it.
func (m *machine) step(in inputKind) (out output) {
	if m.state == sessionOver {
		return out
	}
	if in < inTable {
		if m.state = m.table[m.state][in]; m.state == 0 {
			panic("reactor: an input that is not legal in this state")
		}
	}
	why := endReasons[in]
	switch in {
	case inPort:
		out.tell = true
	case inConnect:
		if m.unused = 0; !m.waits {
			return m.step(inDone)
		}
	case inExpire:
		if m.unused++; m.unusedMax > 0 && m.unused >= m.unusedMax {
			why = endUnused
			if m.unusedMax == 1 {
				why = endUnused1
			}
		}
	case inDrain:
		m.draining = true
		// A command that is answered on control may be carried out already.
		if m.state == sessionAsked && !m.answers {
			why = endDrained
		}
	case inTable:
		panic("reactor: input of no kind")
	default:
	}
	if m.draining && why == endNot && m.awaitsCommand() {
		why = endDrained
	}
	if why != endNot {
		m.state, m.reason, out.end = sessionOver, why, why
		return out
	}
	out.resume = in != inDrain && m.awaitsCommand()
	return out
}

// awaitsCommand reports whether the session waits for a command, and no transfer of it runs.
func (m *machine) awaitsCommand() bool {
	return m.state == sessionIdle || m.state == sessionRenaming
}

// closingGrace is how long a control connection may stay whose last answer has not left: closed
// earlier it would lose the answer, and nothing reports when it has left.
const closingGrace = 2 * time.Second
