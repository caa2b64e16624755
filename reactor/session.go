package reactor

import (
	"time"

	"ferry/codec"
)

// The session machine asks instead of doing: an input goes in, an output comes out, and the session
// performs it. What is legal when is codec's table; this file says what each input means.

// inputKind is what can happen to a session.
type inputKind uint8

const (
	inAsk       inputKind = iota + 1 // a command began
	inFollow                         // the second half of a rename began
	inQuit                           // the client ends the session
	inViolation                      // the client broke the protocol
	inFlood                          // the client sent more ahead than is allowed
	inPort                           // the command's offer stands
	inConnect                        // the data connection was made
	inExpire                         // the offer ended unused
	inDone                           // the transfer ended
	inIdle                           // nothing came for the idle timeout
	inDrain                          // the server drains
	inAbort                          // the server ends now
	inEnd                            // control is gone
	inAnswer                         // the command was answered without a transfer
	inPend                           // the first half of a rename was answered
	inGiveUp                         // the command was aborted before its data connection
)

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

// output is what the session is to do.
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
	exchange codec.Exchange
	*properties
	// reason is why the session is Over.
	reason endReason
	// unused counts the offers in a row that were not used.
	unused   uint8
	draining bool
}

func newMachine(p *properties) machine {
	return machine{exchange: codec.NewExchange(), properties: p}
}

// step takes one input and says what is to be done. Inputs that come after the session's end ask
// for nothing: a transfer goes on without it.
func (m *machine) step(in inputKind) (out output) {
	if m.exchange.State() == codec.Over {
		return out
	}
	switch in {
	case inAsk:
		m.exchange.Take(codec.Ask)
	case inFollow:
		m.exchange.Take(codec.Follow)
	case inQuit:
		m.exchange.Take(codec.Quit)
		m.becomeOver(endQuit, &out)
	case inAnswer:
		m.exchange.Take(codec.Answer)
		m.becomeIdle(&out)
	case inPend:
		m.exchange.Take(codec.Pend)
		m.becomeIdle(&out)
	case inGiveUp:
		if m.awaitsCommand() {
			panic("reactor: nothing to give up")
		}
		m.exchange.Take(codec.Abort)
		m.becomeIdle(&out)
	case inPort:
		m.exchange.Take(codec.Port)
		out.tell = true
	case inConnect:
		m.exchange.Take(codec.Connect)
		m.unused = 0
		if !m.waits {
			m.exchange.Take(codec.Done)
			m.becomeIdle(&out)
		}
	case inExpire:
		m.expireOffer(&out)
	case inDone:
		m.exchange.Take(codec.Done)
		m.becomeIdle(&out)
	case inDrain:
		m.draining = true
		// A command that is answered on control may be carried out already.
		if m.awaitsCommand() || m.exchange.State() == codec.Asked && !m.answers {
			m.becomeOver(endDrained, &out)
		}
	default:
		m.becomeOver(reasonFor(in), &out)
	}
	return out
}

// reasonFor is why an input ends a session.
func reasonFor(in inputKind) endReason {
	switch in {
	case inViolation:
		return endViolation
	case inFlood:
		return endFlood
	case inIdle:
		return endIdle
	case inAbort:
		return endDrained
	case inEnd:
		return endClosed
	default:
		panic("reactor: input of no kind")
	}
}

// expireOffer follows an offer that ended unused. (PROTOCOL.md, Offers.)
func (m *machine) expireOffer(out *output) {
	m.exchange.Take(codec.Expire)
	if m.unused++; m.unused < m.unusedMax {
		m.becomeIdle(out)
		return
	}
	why := endUntaken
	if m.unusedMax == 1 {
		why = endUntaken1
	}
	m.becomeOver(why, out)
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

// awaitsCommand reports whether the session waits for a command, and no transfer of it runs.
func (m *machine) awaitsCommand() bool {
	s := m.exchange.State()
	return s == codec.Idle || s == codec.Renaming
}

// closingGrace is how long a control connection may stay whose last answer has not left: closed
// earlier it would lose the answer, and nothing reports when it has left.
const closingGrace = 2 * time.Second
