package codec

import "fmt"

// # How a session goes
//
// In all exchanges a session does one thing at a time, and both ends walk the same path:
//
//	          Command            Port             Connect            Done
//	Idle ──────────────► Asked ────────► Offered ─────────► Moving ───────► Idle
//	 │                                      │ Expire
//	 │ Quit               Port              └──────────────────────────────► Idle
//	 └─────────► Leaving ────────► Over
//
// Idle waits for a command. Asked has one and looks for a port that is free. Offered has told the
// port and nobody has connected yet. Moving has its data connection. Done is the end of a transfer
// whatever came of it: in base the next port is told after it (PROTOCOL, Base exchange: "the next
// port is told when the transfer before it has ended"). Leaving answered quit. Over is the end of
// control: what was offered or moves then goes on without its session (PROTOCOL: "An offer
// outlives its control connection").
//
// Quit in Asked and Offered is classic's alone: GOODBYE SERVER is not to wait for a data connection
// that may never be made. In base commands keep their order.
//
// The status exchange walks it with a few steps more, in a table of its own: a command may be
// answered on control alone (Answer), abor ends what runs (Abort), and after the first half of a
// rename (Pend) the session stands in Renaming, which any command ends and rnto alone needs.
// Quit is answered on control as well, so that no port is told in Leaving.
//
// Bytes that arrive for a session that is not Idle are no violation: commands may be sent ahead.
// They stay where they are until the session is Idle again.

// State is where a session stands.
type State uint8

const (
	// Idle waits for a command.
	Idle State = iota + 1
	// Asked has taken a command and told no port yet.
	Asked
	// Offered has told a port to which nobody has connected yet.
	Offered
	// Moving has a data connection.
	Moving
	// Leaving has taken quit.
	Leaving
	// Over has no control connection any more.
	Over
	// Renaming is Idle with the name kept of what is to be renamed: status alone.
	Renaming
	stateCount
)

// Step is what makes a session change its state.
type Step uint8

const (
	// Ask is a command that moves a file or a message.
	Ask Step = iota + 1
	// Quit is the command that ends the session.
	Quit
	// Port is the port being told.
	Port
	// Connect is the data connection being made.
	Connect
	// Expire is the end of an offer that nobody took.
	Expire
	// Done is the end of the transfer, good or bad.
	Done
	// End is the end of control: closed by either side, lost, or broken by a violation.
	End
	// Answer is the reply to a command that moves nothing, and to one that is refused.
	Answer
	// Pend is the reply to the first of two commands that belong together.
	Pend
	// Follow is the second of them.
	Follow
	// Abort is the command that ends what was asked for, what is offered, and what moves.
	Abort
	stepCount
)

// table is what is legal in an exchange: the state after a step, or 0 where the step cannot be.
type table [stateCount][stepCount]State

// next is the whole of what is legal in base and classic.
var next = table{
	Idle:    {Ask: Asked, Quit: Leaving, End: Over},
	Asked:   {Port: Offered, Quit: Leaving, End: Over},
	Offered: {Connect: Moving, Expire: Idle, Quit: Leaving, End: Over},
	Moving:  {Done: Idle, End: Over},
	Leaving: {Port: Over, End: Over},
	Over:    {},
}

// nextStatus is the whole of what is legal in the status exchange.
var nextStatus = table{
	Idle:     {Ask: Asked, Quit: Leaving, Abort: Idle, End: Over},
	Renaming: {Ask: Asked, Follow: Asked, Quit: Leaving, Abort: Idle, End: Over},
	Asked:    {Answer: Idle, Pend: Renaming, Port: Offered, Abort: Idle, End: Over},
	Offered:  {Connect: Moving, Expire: Idle, Abort: Idle, End: Over},
	Moving:   {Done: Idle, Abort: Idle, End: Over},
	Leaving:  {End: Over},
	Over:     {},
}

// Exchange is the state of one session, as either end keeps it. Use NewExchange.
type Exchange struct {
	state  State
	status bool
}

// NewExchange returns a session of base or classic that waits for its first command.
func NewExchange() Exchange { return Exchange{state: Idle} }

// NewStatus returns a session of the status exchange that is to take hello.
func NewStatus() Exchange { return Exchange{state: Idle, status: true} }

func (e *Exchange) table() *table {
	if e.status {
		return &nextStatus
	}
	return &next
}

// State is where the session stands.
func (e *Exchange) State() State { return e.state }

// Can says whether the step is legal now.
func (e *Exchange) Can(s Step) bool { return e.table()[e.state][s] != 0 }

// Take makes the step. It panics when the table does not allow it: what a peer may send at a
// wrong time is looked at with Can before.
func (e *Exchange) Take(s Step) {
	to := e.table()[e.state][s]
	if to == 0 {
		panic(fmt.Sprintf("codec: step %v in state %v", s, e.state))
	}
	e.state = to
}

var stateNames = [stateCount]string{
	Idle: "idle", Asked: "asked", Offered: "offered", Moving: "moving", Leaving: "leaving",
	Over: "over", Renaming: "renaming",
}

// String is the state's name for logs.
func (s State) String() string {
	if s == 0 || s >= stateCount {
		return "none"
	}
	return stateNames[s]
}

var stepNames = [stepCount]string{
	Ask: "ask", Quit: "quit", Port: "port", Connect: "connect", Expire: "expire", Done: "done",
	End: "end", Answer: "answer", Pend: "pend", Follow: "follow", Abort: "abort",
}

// String is the step's name for logs.
func (s Step) String() string {
	if s == 0 || s >= stepCount {
		return "none"
	}
	return stepNames[s]
}
