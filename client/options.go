package client

import (
	"errors"
	"net/netip"
	"syscall"
	"time"
)

// Options sets a client's limits and waits. The zero value serves.
type Options struct {
	// DialTimeout bounds making a connection, control or data, every address of a name
	// included. 0 means 10 s, long enough for two lost SYNs; negative means no bound.
	DialTimeout time.Duration
	// DataRetry is how long a data port that refuses is tried again, since other servers tell
	// a port a moment before they listen on it. 0 means 1 s; negative means a single try.
	DataRetry time.Duration
	// ReplyTimeout bounds the wait for the answer to a command. 0 means 2 min, because a busy
	// server lets commands wait for a free port; negative means no bound.
	ReplyTimeout time.Duration
	// StallTimeout bounds how long a transfer may go without a byte moving. 0 means 1 min, as
	// long as a server of ours waits; negative means no bound.
	StallTimeout time.Duration
	// ConfirmWait is how long a put waits for the server's close. 0 means 5 s; negative means
	// not at all, so that every put that is not refused before its end is Unconfirmed.
	ConfirmWait time.Duration
	// BufferSize is how many bytes move at a time where the system cannot copy by itself. A
	// put's field and its first BufferSize bytes leave in one write. 0 means 32 KiB; less than
	// 512 is refused.
	BufferSize int
	// ListingMax bounds a listing in bytes, which is held in memory. 0 means 64 MiB, about a
	// million names; negative is refused. More than four million names are an ErrTooLarge, however
	// short they are.
	ListingMax int64
	// Exchange is the exchange to speak. Its zero value, Auto, finds out.
	Exchange Exchange
	// HelloWait is how long Auto waits for the answer to its question before it takes the
	// server for one of base. 0 means 2 s; negative is refused.
	HelloWait time.Duration
	// ClassicFiles and ClassicMessages are the server's ports for files and for messages in the
	// classic exchange: which of them it tells is what it says. 0 means the port that lies to
	// control's as 20020 and 20023 lie to 20021: one below it, and two above.
	ClassicFiles, ClassicMessages uint16
	// Progress, when set, is told how many bytes of a file are there, and how many there are in
	// all, -1 where nobody says. It is called by the call that moves them, at every piece of
	// up to 256 KiB and never by two at once, so it must not wait, and must not call the client.
	Progress func(moved, total int64)
	// NotesFolder is where the client notes uploads that broke, so that they can be continued:
	// a file each, which many processes may use at once. "" means the folder ferry/uploads in
	// XDG_STATE_HOME, or in .local/state of the home folder, or in LocalAppData on Windows.
	// Notes there that are older than NotesLifetime are removed: files whose names are 32
	// hexadecimal digits with .json behind them.
	NotesFolder string
	// NotesLifetime is how long a note serves: servers keep a part no longer. 0 means 24 h;
	// negative has nothing noted and nothing continued.
	NotesLifetime time.Duration
	// KeptLifetime is how long what a broken download left in a local folder stays there after its
	// last byte, to be gone on with; the next download into that folder removes what is older. 0
	// means 30 days; negative means for ever.
	KeptLifetime time.Duration
	// ServerName is what the server is called in notes and beside unfinished downloads. "" means
	// the address given to Dial, in small letters.
	ServerName string
	// LocalAddr is the address that connections are made from. Its zero value lets the system
	// choose.
	LocalAddr netip.Addr
	// Control, when set, sees every socket before it is bound and connected, as that of
	// net.Dialer does.
	Control func(network, address string, c syscall.RawConn) error
}

const (
	dialTimeoutDefault  = 10 * time.Second
	dataRetryDefault    = time.Second
	replyTimeoutDefault = 2 * time.Minute
	stallTimeoutDefault = time.Minute
	confirmWaitDefault  = 5 * time.Second
	bufferSizeDefault   = 32 << 10
	bufferSizeMin       = 512
	listingMaxDefault   = 64 << 20
	helloWaitDefault    = 2 * time.Second
	notesLifetime       = 24 * time.Hour
	keptLifetime        = 30 * 24 * time.Hour
)

// validate returns every fault at once.
func (o *Options) validate() error {
	var faults []error
	if o.BufferSize != 0 && o.BufferSize < bufferSizeMin {
		faults = append(faults, errors.New("BufferSize: less than 512 bytes"))
	}
	if o.ListingMax < 0 {
		faults = append(faults, errors.New("ListingMax: negative"))
	}
	if o.HelloWait < 0 {
		faults = append(faults, errors.New("HelloWait: negative"))
	}
	if o.Exchange > Classic {
		faults = append(faults, errors.New("Exchange: none of the package's"))
	}
	return errors.Join(faults...)
}

// filled is o with its zero values replaced by what they mean.
func (o Options) filled() Options {
	o.DialTimeout = orDefault(o.DialTimeout, dialTimeoutDefault)
	o.DataRetry = orDefault(o.DataRetry, dataRetryDefault)
	o.ReplyTimeout = orDefault(o.ReplyTimeout, replyTimeoutDefault)
	o.StallTimeout = orDefault(o.StallTimeout, stallTimeoutDefault)
	o.ConfirmWait = orDefault(o.ConfirmWait, confirmWaitDefault)
	o.BufferSize = orDefault(o.BufferSize, bufferSizeDefault)
	o.ListingMax = orDefault(o.ListingMax, listingMaxDefault)
	o.HelloWait = orDefault(o.HelloWait, helloWaitDefault)
	o.NotesLifetime = orDefault(o.NotesLifetime, notesLifetime)
	o.KeptLifetime = orDefault(o.KeptLifetime, keptLifetime)
	return o
}

// orDefault is v, or what stands for zero.
func orDefault[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}
