package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"ferry/client"
)

// newMover makes a session for the client of that number: by package client for the exchanges that
// it speaks, by a talk for other protocols.
func newMover(ctx context.Context, s *share, number int) (mover, error) {
	from := source(number, s.Sources)
	if own, ok := clientExchanges[s.Site.Proto]; ok {
		c, err := client.Dial(ctx, s.Site.Address, client.Options{
			Exchange:    own,
			DialTimeout: s.Timeout, ReplyTimeout: s.Timeout, StallTimeout: s.Timeout,
			LocalAddr: from,
		})
		if err != nil {
			return nil, err
		}
		return &clientMover{Client: c}, nil
	}
	m := &talkMover{address: s.Site.Address, timeout: s.Timeout}
	if from.IsValid() {
		m.dialer.LocalAddr = &net.TCPAddr{IP: from.AsSlice()}
	}
	m.exchange, m.hashers = s.Site.exchange(), &hashers{}
	if err := m.dial(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// clientExchanges are the protocols that package client speaks.
var clientExchanges = map[string]client.Exchange{
	ProtoBase: client.Base, ProtoStatus: client.Status,
}

// clientMover is a session of package client.
type clientMover struct {
	*client.Client
	out payload
	got hashWriter
}

// move implements mover.
func (m *clientMover) move(ctx context.Context, j *job) (int64, bool, error) {
	switch j.kind {
	case KindPut:
		m.out = payload{key: j.key, size: j.size}
		stored, err := m.Put(ctx, j.name, j.slowly(ctx, &m.out), j.size)
		return j.size, stored == client.Unconfirmed, err
	case KindList:
		names, err := m.List(ctx, j.name)
		bytes := int64(len(names)) // a line end each
		for _, name := range names {
			bytes += int64(len(name))
		}
		return bytes, false, err
	default:
	}
	m.got.digest.Reset()
	n, err := m.Get(ctx, j.name, &slowWriter{ctx, &m.got, j.rate})
	// PROTOCOL, Base exchange: a size of 0 is all that is told of an empty file.
	if j.size == 0 && errors.Is(err, client.ErrNothingSent) {
		err = nil
	}
	t := talk{job: *j, got: n, sum: m.got.digest.Sum128()}
	if err == nil {
		err = t.check()
	}
	return n, false, err
}

func (m *clientMover) over() bool                     { return false }
func (m *clientMover) quit(ctx context.Context) error { return m.Quit(ctx) }
func (m *clientMover) close()                         { _ = m.Close() }

// slowWriter writes at a rate in bytes a second, or at once when that is 0.
type slowWriter struct {
	ctx  context.Context
	to   io.Writer
	rate int64
}

// Write implements io.Writer.
func (w *slowWriter) Write(b []byte) (int, error) {
	if w.rate > 0 && !rest(w.ctx, time.Duration(len(b))*time.Second/time.Duration(w.rate)) {
		return 0, w.ctx.Err()
	}
	return w.to.Write(b)
}

// slowReader reads at a rate.
type slowReader struct {
	ctx  context.Context
	from io.Reader
	rate int64
}

// Read implements io.Reader.
func (r *slowReader) Read(b []byte) (int, error) {
	perTurn := max(1, r.rate*int64(slowPeriod)/int64(time.Second))
	if !rest(r.ctx, slowPeriod) {
		return 0, r.ctx.Err()
	}
	return r.from.Read(b[:min(int64(len(b)), perTurn)])
}

// slowly is a reader at the job's rate.
func (j *job) slowly(ctx context.Context, from io.Reader) io.Reader {
	if j.rate == 0 {
		return from
	}
	return &slowReader{ctx, from, j.rate}
}

// talkMover is a session of an exchange of ours, over connections that block.
type talkMover struct {
	talk
	address       string
	timeout       time.Duration
	dialer        net.Dialer
	control, data net.Conn
	part          []byte
}

// moverBuffers lends what bytes move through.
var moverBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (m *talkMover) dial(ctx context.Context) error {
	m.dialer.Timeout = m.timeout
	conn, err := m.dialer.DialContext(ctx, "tcp", m.address)
	if err != nil {
		return &client.Error{Name: m.address, Kind: client.ErrConnect, Err: err}
	}
	m.control = conn
	m.exchange.open(&m.talk)
	return m.pump(ctx)
}

// move implements mover.
func (m *talkMover) move(ctx context.Context, j *job) (int64, bool, error) {
	m.take(*j)
	if err := m.exchange.begin(&m.talk); err != nil {
		return 0, false, err
	}
	if err := m.pump(ctx); err != nil {
		return 0, false, err
	}
	if j.kind == KindList {
		return m.got, false, nil
	}
	return j.size, m.unconfirmed, nil
}

func (m *talkMover) over() bool { return m.talk.over }

// quit implements mover.
func (m *talkMover) quit(ctx context.Context) error {
	m.exchange.leave(&m.talk)
	err := m.pump(ctx)
	m.close()
	return err
}

func (m *talkMover) close() {
	m.dropped()
	_ = m.control.Close()
}

func (m *talkMover) dropped() {
	if m.data != nil {
		_ = m.data.Close()
		m.data = nil
	}
	m.dropData = false
}

// pump does what the talk asks for until it waits for nothing.
func (m *talkMover) pump(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = m.control.SetDeadline(time.Unix(1, 0)) })()
	buf := moverBuffers.Get().(*[32 << 10]byte)
	defer moverBuffers.Put(buf)
	for {
		if err := m.perform(ctx); err != nil || m.wait == waitNothing {
			return err
		}
		_ = m.control.SetDeadline(time.Now().Add(m.timeout))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var err error
		switch m.wait {
		case waitControl:
			err = m.hear(ctx, buf[:])
		case waitSent:
			err = m.send(ctx, buf[:])
		default:
			err = m.read(ctx, buf[:])
		}
		if err != nil {
			return err
		}
	}
}

func (m *talkMover) perform(ctx context.Context) error {
	if m.dropData {
		m.dropped()
	}
	if m.port != 0 {
		host, _, err := net.SplitHostPort(m.control.RemoteAddr().String())
		if err != nil {
			return err
		}
		m.data, err = m.dialer.DialContext(ctx, "tcp",
			net.JoinHostPort(host, fmt.Sprint(m.port)))
		m.port = 0
		if err != nil {
			m.data = nil
			return m.fault(client.ErrNoData, err)
		}
	}
	if len(m.say) > 0 {
		_ = m.control.SetDeadline(time.Now().Add(m.timeout))
		if _, err := m.control.Write(m.say); err != nil {
			return m.lost(err)
		}
		m.say = m.say[:0]
	}
	return nil
}

// some waits for a slow job's turn, and is how much of buf may move then.
func (m *talkMover) some(ctx context.Context, buf []byte) []byte {
	if m.job.rate == 0 || !rest(ctx, slowPeriod) {
		return buf
	}
	return buf[:min(int64(len(buf)), max(1, m.job.rate*int64(slowPeriod)/int64(time.Second)))]
}

func (m *talkMover) hear(ctx context.Context, buf []byte) error {
	if len(m.part) > 0 {
		used, err := m.exchange.heard(&m.talk, m.part)
		m.part = append(m.part[:0], m.part[used:]...)
		if err != nil || used > 0 {
			return err
		}
	}
	if m.data == nil && m.state == webBody {
		buf = m.some(ctx, buf)
	}
	n, err := m.control.Read(buf)
	m.part = append(m.part, buf[:n]...)
	if n > 0 {
		used, err := m.exchange.heard(&m.talk, m.part)
		m.part = append(m.part[:0], m.part[used:]...)
		return err
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return m.exchange.hungUp(&m.talk, err)
}

func (m *talkMover) read(ctx context.Context, buf []byte) error {
	_ = m.data.SetReadDeadline(time.Now().Add(m.timeout))
	n, err := m.data.Read(m.some(ctx, buf))
	if n > 0 {
		return m.exchange.came(&m.talk, buf[:n])
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return m.exchange.ended(&m.talk, err)
}

// send sends head and content.
func (m *talkMover) send(ctx context.Context, buf []byte) error {
	conn := m.data
	if conn == nil {
		conn = m.control
	}
	n := copy(buf, m.head[:m.headLen])
	for at := int64(0); n > 0 || m.content && at < m.job.size; n = 0 {
		if m.content {
			room := m.some(ctx, buf[n:])
			filled := fill(room, m.job.key, m.job.size, at)
			at += int64(filled)
			n += filled
		}
		_ = conn.SetWriteDeadline(time.Now().Add(m.timeout))
		if _, err := conn.Write(buf[:n]); err != nil {
			if m.data != nil {
				return m.exchange.ended(&m.talk, err)
			}
			return m.exchange.hungUp(&m.talk, err)
		}
	}
	m.exchange.sent(&m.talk)
	if m.wait == waitEnd {
		return m.data.(*net.TCPConn).CloseWrite()
	}
	return nil
}
