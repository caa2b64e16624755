package limit

import (
	"slices"
	"time"
)

// Row is one limit.
type Row struct {
	// Value points to the limit: an *int, an *int64 of bytes or a *time.Duration. It is nil for the
	// ports, which are no part of Limits.
	Value any
	// Flag is the name of the flag, without dashes.
	Flag string
	// Default, Least and Most are in the unit of the value.
	Default, Least, Most int64
	Seen
	// Help says what is limited, and why at this value. If the default of 0 depends on other limits
	// or the process, Help ends with "(default …)".
	Help string
}

// Seen says what clients of the base and of the status exchange see at the limit.
type Seen struct{ Base, Status string }

const (
	countMost = 1 << 20
	sizeMost  = 1 << 62 // more bytes than there are anywhere
	timeLeast = int64(time.Millisecond)
	timeMost  = int64(1000 * time.Hour)
	// listingsLeast is how many of the longest listings memory must suffice for: one address has
	// room for one, and so has another.
	listingsLeast = 4
)

// What several limits show.
var (
	noPasswords = Seen{
		"nothing: base has no login",
		"nothing: SCRAM is checked at once; FTP logins are refused as busy",
	}
	refused = Seen{"control is closed at once", "control is closed at once"}
	delayed = Seen{
		"the port reply is delayed, first come, first served",
		"150 is delayed, first come, first served",
	}
	busySum = Seen{"nothing: base has no checksums", "450"}
	reset   = Seen{"the data connection is reset", "426, and the data connection is reset"}
)

// Table is every limit of a server. It points to the fields of l. The flags, the defaults, the
// validation and the table in the documentation are made from it.
func (l *Limits) Table() []Row {
	return slices.Concat(l.Counts.table(), l.waitingTable(), l.Sizes.table(), l.Times.table())
}

func (c *Counts) table() []Row {
	return []Row{{
		nil, "data-ports", 64, 0, 64,
		Seen{
			"the port reply is delayed, first come, first served; classic has two ports",
			"nothing: status has its own ports",
		},
		"data ports per reactor, or a range for all; firewalls need a range, a client address " +
			"has one offer per port at a time, and each takes a millisecond",
	}, {
		nil, "keyed-ports", 4, 0, 4,
		Seen{"nothing", "nothing; with 0, `hello 1` is answered like any unknown command"},
		"the same for the status exchange, whose offers share them; 0 disables that exchange; a " +
			"range of --data-ports gives it a sixteenth",
	}, {
		&c.Sessions, "max-sessions", 0, 0, countMost, refused,
		"concurrent control connections; each uses a descriptor, and the default is at most half " +
			"of them (default up to 10,000)",
	}, {
		&c.SessionsPerAddress, "max-sessions-per-address", 9_500, 1, countMost, refused,
		"the same for one client address; a whole lab may share one behind a router",
	}, {
		&c.SessionRate, "max-session-rate", 10_000, 1, countMost, refused,
		"sessions that one client address may open per second, after a burst of " +
			"--max-sessions-per-address; a script that opens one per file stays below it, a " +
			"flood does not",
	}, {
		&c.Transfers, "max-transfers", 0, 0, countMost, delayed,
		"concurrent offers and data connections, each with three descriptors (default what " +
			"descriptors allow)",
	}, {
		&c.TransfersPerAddress, "max-transfers-per-address", 0, 0, countMost, delayed,
		"the same for one client address, so that slow readers there leave room for others " +
			"(default 2,000, or half of --max-transfers)",
	}, {
		&c.Offers, "max-offers", 0, 0, countMost, delayed,
		"concurrent offers that no client has connected to yet (default --max-transfers)",
	}, {
		&c.OffersPerAddress, "max-offers-per-address", 500, 1, countMost, delayed,
		"the same for one client address; clients connect within a round trip, and offers cost " +
			"an attacker nothing",
	}}
}

// waitingTable are the limits of what waits, and of what is kept or computed.
func (c *Counts) waitingTable() []Row {
	return []Row{{
		&c.Keyless, "max-keyless", 128, 1, 1 << 16,
		Seen{
			"nothing: base has no KEYs",
			"the data connection that waited longest is closed, one of the same address if that " +
				"has its share; the offer remains valid until it expires",
		},
		"data connections of the status exchange without a KEY yet; clients send it first, so " +
			"few honest ones wait; an address gets at most half of what others leave",
	}, {
		&c.Handshakes, "max-handshakes", 1_000, 1, 1 << 16,
		Seen{
			"the handshake is delayed; one that waited for its client for over a second ends, " +
				"and so does one of over --offer-timeout",
			"as in base",
		},
		"TLS handshakes under way, each with up to 50 KB; two compute at once; an address gets " +
			"at most half of what others leave",
	}, {
		&c.Parts, "max-parts", 10_000, 2, 1 << 30,
		Seen{
			"nothing: base has no parts",
			"the oldest empty part that was idle for a minute is dropped; if there is none, " +
				"450, and `ferry` uploads the file in one go",
		},
		"parts of interrupted uploads, each with two files; an address gets at most half of " +
			"what others leave",
	}, {
		&c.Logins, "max-logins", 64, 1, countMost, noPasswords,
		"password checks, two per client address; each takes tens of milliseconds",
	}, {
		&c.Sums, "max-sums", 1_000, 1, countMost, busySum,
		"concurrent checksums, waiting ones included; an address gets at most half of what " +
			"others leave",
	}, {
		&c.SumsPerAddress, "max-sums-per-address", 16, 1, countMost, busySum,
		"the same for one client address, so that others get their turn",
	}}
}

func (s *Sizes) table() []Row {
	return []Row{{
		&s.CommandBytes, "max-command", 4096, 16, 4096,
		Seen{"control is closed", "501, then control is closed"},
		"longest command in bytes, from 16 to 4096; the default admits the longest file name",
	}, {
		&s.ControlBufferBytes, "max-control-buffer", 64 << 10, 4106, 1 << 30,
		Seen{
			"control is closed; running transfers continue",
			"421, then control is closed; running transfers continue",
		},
		"bytes of commands that a client may send ahead, and of replies it may leave unread; " +
			"both use memory",
	}, {
		&s.UploadBytes, "max-upload", 0, 0, sizeMost,
		Seen{"the put is reset", "552, and the data connection is reset"},
		"largest file accepted; 0 means no limit but the disk",
	}, {
		&s.FreeBytes, "min-free", 256 << 20, 0, sizeMost,
		Seen{"the put is reset", "452, and the data connection is reset"},
		"disk space that uploads leave free; a full disk breaks other programs, too; announced " +
			"uploads of one address reserve at most half of the rest",
	}, {
		&s.SumBytes, "max-sum", 1 << 40, 0, sizeMost,
		Seen{"nothing: base has no checksums", "552; a new session starts from zero"},
		"bytes read for the checksums of one session, 0 for any; cached checksums of unchanged " +
			"files do not count",
	}, {
		&s.ListingBytes, "max-listing", 16 << 20, 4096, 1 << 30,
		Seen{"the listing is reset", "552"},
		"longest listing of a folder; the default holds some 800,000 names",
	}, {
		&s.ListingsBytes, "max-listing-memory", 128 << 20, listingsLeast * s.ListingBytes, 1 << 40,
		Seen{
			"the listing is delayed, short ones first; after --stall-timeout it is reset",
			"150 is delayed, short ones first; after --stall-timeout 450",
		},
		"memory of all listings, at least four times --max-listing, since clients may not read " +
			"theirs; an address gets at most half of what others leave, a third for listings " +
			"over 256 KiB",
	}, {
		&s.RateBytes, "min-rate", 16, 1, 1 << 40,
		Seen{
			"the data connection is reset after --stall-timeout",
			"426, and the data connection is reset",
		},
		"lowest transfer rate in bytes per second over --stall-timeout; any modem is faster",
	}}
}

func (t *Times) table() []Row {
	return []Row{{
		&t.IdleTimeout, "idle-timeout", int64(10 * time.Minute), timeLeast, timeMost,
		Seen{"control is closed", "421, then control is closed"},
		"close a session that is idle for this long; people pause that long",
	}, {
		&t.OfferTimeout, "offer-timeout", int64(10 * time.Second), timeLeast, timeMost,
		Seen{
			"the port is gone; after three in a row, in classic after one, control is closed",
			"425; after three in a row 421, and control is closed",
		},
		"withdraw an offer that no client has connected to; a TCP connect makes three attempts " +
			"in that time",
	}, {
		&t.LeaseRest, "lease-rest", int64(2 * time.Minute), timeLeast, timeMost,
		Seen{
			"the port reply is delayed if all other ports are resting too",
			"nothing: its offers have no lease",
		},
		"rest the port of a withdrawn offer: a late connect must not reach another session's " +
			"offer",
	}, {
		&t.ClassicRest, "classic-rest", int64(2 * time.Second), timeLeast, timeMost,
		Seen{"nothing; in classic `CONN` is delayed", "nothing"},
		"the same for the classic exchange, shorter since all its sessions wait for the same " +
			"two ports",
	}, {
		&t.StallTimeout, "stall-timeout", int64(time.Minute), timeLeast, timeMost, reset,
		"reset a transfer that is below --min-rate for this long; networks recover sooner",
	}, {
		&t.DrainTimeout, "drain-timeout", int64(30 * time.Second), timeLeast, timeMost,
		Seen{"the data connection is reset", "421, and the data connection is reset"},
		"time for running transfers to finish after SIGTERM; supervisors wait that long",
	}}
}
