package reactor

import (
	"github.com/rs/zerolog"

	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

type counters struct {
	controlConnections uint64
	refused            uint64 // by --allow, --deny or because the server is ending
	overLimit          uint64 // over a limit of sessions
	rateLimited        uint64 // faster than an address may open them
	commands           uint64
	offers             uint64
	offersUnused       uint64
	dataConnections    uint64
	unauthorized       uint64 // data connections without an offer
	transfers          uint64
	bytesIn, bytesOut  uint64
	jobs               uint64
	acceptFailures     uint64
	acceptLogged       loop.Instant
	restarts           uint64
	// handshakes counts TLS handshakes, of control and data connections.
	handshakes, handshakesFailed uint64
}

// logStatus writes the reactor's counters, and a line for every session and transfer.
func (r *reactor) logStatus() {
	log := &r.server.log
	r.loop.Now = r.loop.Clock()
	for s := range r.sessions {
		e := log.Info().Uint64("session", s.id).Str("peer", s.peerText()).
			Stringer("state", s.state).
			Float64("seconds", (r.loop.Now-s.began).Seconds()).
			Uint64("transfers", s.transfers).Int64("bytes", s.bytes)
		if s.conn != nil {
			e = e.Int("control_in", s.conn.Buffered()).
				Int("control_out", s.conn.Unsent())
		}
		e.Msg("session")
	}
	for _, t := range r.transfers {
		log.Info().Uint64("session", t.session.id).Str("peer", t.session.peerText()).
			Stringer("state", t.state).Stringer("command", t.Verb).
			Str("name", cut(t.called, logNameMax)).
			Int64("bytes", t.moved).Bool("file_work", t.job.busy).
			Float64("seconds", (r.loop.Now - t.began).Seconds()).Msg("transfer")
	}
	resting, waiting := 0, 0
	for _, a := range r.addresses {
		for _, l := range a.lines {
			if l != nil {
				resting += len(l.resting)
				waiting += l.waiting.Len()
			}
		}
	}
	c := &r.count
	log.Info().Int("reactor", r.index).Dict("now", zerolog.Dict().
		Int("sessions", len(r.sessions)).Int("transfers", len(r.transfers)).
		Int("addresses", len(r.addresses)).Int("leases_resting", resting).
		Int("commands_waiting", waiting).Int("deadlines", len(r.loop.Deadlines)).
		Int64("descriptors_free", r.limiter.Free(limit.Descriptors)).
		Int64("bytes_announced", r.limiter.Used(limit.Reserved)).
		Int("keys_standing", len(r.keys.offers)).Int("without_key", r.keys.pending.Len()).
		Int("handshakes", r.handshakes.counted.Len()).
		Int("handshakes_waiting", r.handshakes.waiting.Len())).
		Dict("total", zerolog.Dict().
			Uint64("control_connections", c.controlConnections).Uint64("refused", c.refused).
			Uint64("over_limit", c.overLimit).Uint64("rate_limited", c.rateLimited).
			Uint64("commands", c.commands).
			Uint64("offers", c.offers).Uint64("offers_unused", c.offersUnused).
			Uint64("data_connections", c.dataConnections).
			Uint64("unauthorized_connections", c.unauthorized).
			Uint64("transfers", c.transfers).Uint64("bytes_in", c.bytesIn).
			Uint64("bytes_out", c.bytesOut).Uint64("file_jobs", c.jobs).
			Uint64("handshakes", c.handshakes).Uint64("handshakes_failed", c.handshakesFailed).
			Uint64("accept_failures", c.acceptFailures).Uint64("loop_restarts", c.restarts)).
		Msg("status")
}

// tally counts a transfer that had a data connection.
func (r *reactor) tally(t *transfer) {
	r.count.transfers++
	if t.isPut() {
		r.count.bytesIn += uint64(t.moved)
	} else {
		r.count.bytesOut += uint64(t.moved)
	}
}
