package client

import (
	"cmp"
	"errors"
	"net/netip"
	"syscall"
	"time"
)

// Options sets a client's limits and waits. The zero value serves.
type Options struct {
	// DialTimeout bounds making a connection, over all addresses of a name, and then its TLS
	// handshake. 0 means 10 s, time for two lost SYNs; negative means no bound.
	DialTimeout time.Duration
	// DataRetry is how long to retry a data port that refuses: other servers may send a port before
	// they listen on it. 0 means 1 s; negative means a single try.
	DataRetry time.Duration
	// ReplyTimeout bounds the wait for the answer to a command. 0 means 2 min, since a busy server
	// lets commands wait for a free port; negative means no bound.
	ReplyTimeout time.Duration
	// StallTimeout bounds how long a transfer may move no byte. 0 means 1 min, as on our server;
	// negative means no bound.
	StallTimeout time.Duration
	// ConfirmWait is how long a put waits for the server's close. 0 means 5 s; negative means not
	// at all, so that every put that is not refused early is Unconfirmed.
	ConfirmWait time.Duration
	// BufferSize is how many bytes move at a time where the system cannot copy by itself. 0 means
	// 32 KiB; less than 512 is refused.
	BufferSize int
	// ListingMax bounds a listing in bytes, which is held in memory. 0 means 64 MiB, about a
	// million names; negative is refused. Four million names are the limit in any case.
	ListingMax int64
	// Exchange is the exchange to speak; Auto finds out.
	Exchange Exchange
	// HelloWait is how long Auto waits for the answer to hello before it speaks base. 0 means 2 s;
	// negative is refused.
	HelloWait time.Duration
	// ClassicFiles and ClassicMessages are a classic server's ports for files and for messages. 0
	// means the control port minus one, and plus two.
	ClassicFiles, ClassicMessages uint16
	// Progress, if set, is told how many bytes of a file are there, and its size, -1 if unknown.
	// The transfer calls it after every piece of up to 256 KiB, so it must not block, and must not
	// call the client.
	Progress func(moved, total int64)
	// NotesFolder is where the client notes broken uploads, a file each; many processes may share
	// it. "" means ferry/uploads in XDG_STATE_HOME, in the home folder's .local/state, or in
	// LocalAppData on Windows. Notes in it older than NotesLifetime are removed.
	NotesFolder string
	// NotesLifetime is how long a note is valid: servers keep a part no longer. 0 means 24 h;
	// negative means no notes, and no resumed uploads.
	NotesLifetime time.Duration
	// KeptLifetime is how long a partial download stays in a local folder; the next download into
	// that folder removes older ones. 0 means 30 days; negative means for ever.
	KeptLifetime time.Duration
	// TLS encrypts every connection; nil means none. Classic has no TLS.
	TLS *TLS
	// Credentials log in; nil means that nobody does.
	Credentials *Credentials
	// ServerName is what notes call the server. "" means the address given to Dial, in lower case.
	ServerName string
	// LocalAddr is the address to connect from. Its zero value lets the system choose.
	LocalAddr netip.Addr
	// Control, if set, sees every socket before it is bound, as that of net.Dialer does.
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
	if o.Exchange == Classic && (o.TLS != nil || o.Credentials != nil) {
		faults = append(faults, errors.New("the classic exchange has no TLS and no login"))
	}
	return errors.Join(faults...)
}

// filled is o with its zero values replaced by the defaults.
func (o Options) filled() Options {
	o.DialTimeout = cmp.Or(o.DialTimeout, dialTimeoutDefault)
	o.DataRetry = cmp.Or(o.DataRetry, dataRetryDefault)
	o.ReplyTimeout = cmp.Or(o.ReplyTimeout, replyTimeoutDefault)
	o.StallTimeout = cmp.Or(o.StallTimeout, stallTimeoutDefault)
	o.ConfirmWait = cmp.Or(o.ConfirmWait, confirmWaitDefault)
	o.BufferSize = cmp.Or(o.BufferSize, bufferSizeDefault)
	o.ListingMax = cmp.Or(o.ListingMax, listingMaxDefault)
	o.HelloWait = cmp.Or(o.HelloWait, helloWaitDefault)
	o.NotesLifetime = cmp.Or(o.NotesLifetime, notesLifetime)
	o.KeptLifetime = cmp.Or(o.KeptLifetime, keptLifetime)
	return o
}
