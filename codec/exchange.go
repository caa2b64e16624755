package codec

import "fmt"

// # The states of a session
//
// In every exchange a session executes one command at a time:
//
//	          Command            Port             Connect            Done
//	Idle ──────────────► Asked ────────► Offered ─────────► Moving ───────► Idle
//	 │                                      │ Expire
//	 │ Quit               Port              └──────────────────────────────► Idle
//	 └─────────► Leaving ────────► Over
//
// Idle waits for a command. Asked has a command and no port yet. Offered has named a port and waits
// for the data connection. Moving has the data connection. Done ends a transfer, successful or not.
// Leaving has received quit. Over has lost control; offers and transfers continue without it.
//
// Only classic accepts Quit in Asked and Offered, because GOODBYE SERVER must not wait for a data
// connection. (PROTOCOL.md, Classic commands.)
//
// The status exchange has a table of its own: a command can be answered on control alone (Answer),
// abor ends the running command (Abort), and after rnfr (Pend) the session is Renaming, which is
// Idle with rnto allowed.
//
// Input in another state than Idle is valid. It waits until the session is Idle again.

// State is the state of a session.
type State uint8

const (
	// Idle waits for a command.
	Idle State = iota + 1
	// Asked has a command and no port yet.
	Asked
	// Offered has named a port and waits for the data connection.
	Offered
	// Moving has a data connection.
	Moving
	// Leaving has received quit.
	Leaving
	// Over has no control connection.
	Over
	// Renaming is Idle after rnfr: status only.
	Renaming
	stateCount
)

// Step is a transition between states.
type Step uint8

const (
	// Ask is any command but quit, abor, and rnto after rnfr.
	Ask Step = iota + 1
	// Quit is the command that ends the session.
	Quit
	// Port is the announcement of an offer.
	Port
	// Connect is the arrival of the data connection.
	Connect
	// Expire is the end of an unused offer.
	Expire
	// Done is the end of a transfer, successful or not.
	Done
	// End is the end of control for any reason.
	End
	// Answer is the final reply to a command without a data connection.
	Answer
	// Pend is the reply to rnfr.
	Pend
	// Follow is rnto after rnfr.
	Follow
	// Abort is abor.
	Abort
	stepCount
)

// table has the state after each legal step, and 0 for illegal ones.
type table [stateCount][stepCount]State

// next is the table of base and classic.
var next = table{
	Idle:    {Ask: Asked, Quit: Leaving, End: Over},
	Asked:   {Port: Offered, Quit: Leaving, End: Over},
	Offered: {Connect: Moving, Expire: Idle, Quit: Leaving, End: Over},
	Moving:  {Done: Idle, End: Over},
	Leaving: {Port: Over, End: Over},
	Over:    {},
}

// nextStatus is the table of the status exchange.
var nextStatus = table{
	Idle:     {Ask: Asked, Quit: Leaving, Abort: Idle, End: Over},
	Renaming: {Ask: Asked, Follow: Asked, Quit: Leaving, Abort: Idle, End: Over},
	Asked:    {Answer: Idle, Pend: Renaming, Port: Offered, Abort: Idle, End: Over},
	Offered:  {Connect: Moving, Expire: Idle, Abort: Idle, End: Over},
	Moving:   {Done: Idle, Abort: Idle, End: Over},
	Leaving:  {End: Over},
	Over:     {},
}

// Exchange is the state of one session. Use NewExchange or NewStatus.
type Exchange struct {
	state  State
	status bool
}

// NewExchange returns a session of base or classic that waits for its first command.
func NewExchange() Exchange { return Exchange{state: Idle} }

// NewStatus returns a session of the status exchange that has taken hello and not answered it.
func NewStatus() Exchange { return Exchange{state: Asked, status: true} }

func (e *Exchange) table() *table {
	if e.status {
		return &nextStatus
	}
	return &next
}

// State returns the current state.
func (e *Exchange) State() State { return e.state }

// Can reports whether the step is legal now.
func (e *Exchange) Can(s Step) bool { return e.table()[e.state][s] != 0 }

// Take makes a step. It panics if the step is illegal; use Can for what depends on the peer.
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

// String returns the state's name.
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

// String returns the step's name.
func (s Step) String() string {
	if s == 0 || s >= stepCount {
		return "none"
	}
	return stepNames[s]
}
