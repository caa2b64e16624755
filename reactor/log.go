package reactor

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"ferry/codec"
)

// LogWriter is a bounded ring between a server and its log: a write never waits for the disk or the
// terminal behind it. What comes while the ring is full is dropped and counted. It is safe for use
// by many goroutines.
type LogWriter struct {
	out io.Writer
	// notices gets the line that says how many were dropped.
	notices io.Writer
	wake    chan struct{}
	done    chan struct{}
	// patience is how long Close waits.
	patience time.Duration

	mu      sync.Mutex
	lines   []byte
	dropped uint64
	closed  bool
}

// logGather is how long lines gather before they are written: under load that is one system call
// and one change of threads for hundreds of lines, and nobody reads faster.
const logGather = 10 * time.Millisecond

// logRingBytes is how much may wait for a slow log: about 5,000 lines.
const logRingBytes = 1 << 20

// logPatience is how long the end of a server waits for its log. A disk under load takes what is in
// the ring within that time; a terminal that is held, or a pipe that nobody reads, may never.
const logPatience = 3 * time.Second

// errLogStuck is what Close returns when the log did not take what was left.
var errLogStuck = errors.New("the log did not take its last lines in time")

// NewLogWriter returns a ring before out. notices gets JSON lines about lines that were dropped,
// and may be out itself or a writer that formats them for it. Write of both is only called by the
// ring's goroutine. Close writes what is left, if that can be done within 3 seconds.
func NewLogWriter(out, notices io.Writer) *LogWriter {
	w := &LogWriter{out: out, notices: notices, patience: logPatience}
	w.wake, w.done = make(chan struct{}, 1), make(chan struct{})
	go w.run()
	return w
}

// Write takes one line. It always succeeds.
func (w *LogWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	if w.closed || len(w.lines)+len(line) > logRingBytes {
		w.dropped++
		w.mu.Unlock()
		return len(line), nil
	}
	if len(w.lines) == 0 {
		select {
		case w.wake <- struct{}{}: // under the lock: Close closes it
		default:
		}
	}
	w.lines = append(w.lines, line...)
	w.mu.Unlock()
	return len(line), nil
}

// Close writes what is left and ends the ring. It waits for that for a few seconds: with the error
// after them lines are lost, and the ring's goroutine still waits in a Write.
func (w *LogWriter) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.wake)
	}
	w.mu.Unlock()
	patience := time.NewTimer(w.patience)
	defer patience.Stop()
	select {
	case <-w.done:
		return nil
	case <-patience.C:
		return errLogStuck
	}
}

// run writes all lines that have gathered with one system call.
func (w *LogWriter) run() {
	defer close(w.done)
	var batch []byte
	for open := true; open; {
		_, open = <-w.wake
		if open {
			<-time.After(logGather)
		}
		w.mu.Lock()
		batch, w.lines = w.lines, batch[:0]
		dropped := w.dropped
		w.dropped = 0
		w.mu.Unlock()
		if len(batch) > 0 {
			_, _ = w.out.Write(batch)
		}
		if dropped > 0 {
			log := zerolog.New(w.notices)
			log.Warn().Uint64("lines", dropped).Time("time", time.Now()).
				Msg("log lines were dropped because the log was too slow")
		}
	}
}

// logWordMax is how much of a word that is no command is logged, so that a client cannot push the
// lines of others out of the ring.
const logWordMax = 32

// logNameMax is how much of a name is logged, for the same reason: few paths are longer.
const logNameMax = 512

// logTransfer writes the one line of a transfer's end.
func (r *reactor) logTransfer(t *transfer) {
	level := zerolog.InfoLevel
	if t.outcome == outcomeFailed || t.outcome == outcomeAborted {
		level = zerolog.WarnLevel
	}
	command := t.Verb.String()
	if t.Verb == codec.VerbUnknown {
		command, _, _ = strings.Cut(t.text, " ")
		command = cut(command, logWordMax)
	}
	r.server.log.WithLevel(level).Uint64("session", t.session.id).Str("peer", t.session.peerText()).
		Str("command", command).Str("name", cut(t.called, logNameMax)).Int64("bytes", t.moved).
		Float64("seconds", (r.loop.Now-t.began).Seconds()).Str("outcome", string(t.outcome)).
		AnErr("error", visibleError(t.err)).Msg("transfer ended")
}

// cut shortens a client's text for the log, visibly, and makes it visible.
func cut(text string, most int) string {
	if len(text) <= most {
		return visible(text)
	}
	return visible(strings.ToValidUTF8(text[:most], "")) + "…"
}

// visible is a text without what would do something to a terminal that it is shown on, or to the
// order of what is read there. JSON escapes the controls of ASCII by itself, but those of Unicode
// it passes on, and some terminals obey them.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII && !unicode.IsPrint(c) || c == del {
			return unicode.ReplacementChar
		}
		return c
	}, text)
}

// del is the one control of ASCII that JSON does not have to escape.
const del = 0x7f

func visibleError(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); visible(text) != text {
		return errors.New(visible(text))
	}
	return err
}

// logCommand writes the one line of a command of the status exchange that had no data connection.
// What only looked at something, and found it, is told at level debug.
func (r *reactor) logCommand(t *transfer) {
	level := zerolog.InfoLevel
	if t.outcome == outcomeComplete && !duties[t.Verb].changes {
		level = zerolog.DebugLevel
	}
	r.server.log.WithLevel(level).Uint64("session", t.session.id).Str("peer", t.session.peerText()).
		Stringer("command", t.Verb).Str("name", cut(t.called, logNameMax)).
		Float64("seconds", (r.loop.Now-t.began).Seconds()).Str("outcome", string(t.outcome)).
		AnErr("error", visibleError(t.err)).Msg("command ended")
}

func (r *reactor) logSession(s *session) {
	r.server.log.Info().Uint64("session", s.id).Str("peer", s.peerText()).
		Uint64("transfers", s.transfers).Int64("bytes", s.bytes).
		Float64("seconds", (r.loop.Now-s.began).Seconds()).Str("reason", string(s.reason)).
		Msg("session ended")
}

// peer is the address and port of the client.
func (s *session) peer() netip.AddrPort { return netip.AddrPortFrom(s.address.ip, s.peerPort) }

func (s *session) peerText() string { return s.peer().String() }

// logAcceptFailed tells of a data port that cannot accept, at most once a second.
func (r *reactor) logAcceptFailed(p *dataPort, err error) {
	r.count.acceptFailures++
	if r.loop.Now-r.count.acceptLogged < time.Second && r.count.acceptLogged != 0 {
		return
	}
	r.count.acceptLogged = r.loop.Now
	r.server.log.Error().Uint16("port", p.number).Err(err).
		Msg("a data connection was not accepted for now")
}

// engineLog gives messages of the loop's engine to the server's log. What the engine logs at level
// info is of interest to developers only.
type engineLog struct{ log *zerolog.Logger }

func (e engineLog) Debugf(format string, args ...any) { e.log.Trace().Msgf(format, args...) }
func (e engineLog) Infof(format string, args ...any)  { e.log.Debug().Msgf(format, args...) }
func (e engineLog) Warnf(format string, args ...any)  { e.log.Warn().Msgf(format, args...) }
func (e engineLog) Errorf(format string, args ...any) { e.log.Error().Msgf(format, args...) }
func (e engineLog) Fatalf(format string, args ...any) { e.log.Error().Msgf(format, args...) }
