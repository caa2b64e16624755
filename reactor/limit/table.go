package limit

import "time"

// Row is one limit.
type Row struct {
	// Flag is the name of its flag, without dashes.
	Flag string
	Unit Unit
	// Default, Least and Most are in the unit, durations in nanoseconds.
	Default, Least, Most int64
	// Auto says what a Default of 0 means, if that depends on other limits or the process.
	Auto string
	// Help says what is limited and why at this value.
	Help string
	// Base and Status say what a client of the base and of the status exchange sees at the limit.
	Base, Status string
	// Field points to the limit's value. It is nil for ports, which are no part of Limits.
	Field func(*Limits) any
}

const (
	countMost     = 1 << 20
	durationLeast = int64(time.Millisecond)
	durationMost  = int64(1000 * time.Hour)

	closedAtOnce = "control is closed at once"
	delayed      = "the port reply is delayed, first come, first served"
	delayed150   = "150 is delayed, first come, first served"
	dataReset    = "the data connection is reset"
	nothingSums  = "nothing: base has no checksums"
)

// Table is every limit of a server. The server's flags, the defaults, the validation and the table in
// the documentation are made from it.
var Table = []Row{
	{
		Flag: "data-ports", Unit: Ports, Default: 64,
		Help: "data ports of each reactor, or a range for all, for firewalls; one client address can " +
			"have one offer per port at a time, and each takes a millisecond",
		Base:   delayed + "; classic has one port for files and one for messages",
		Status: "nothing: status has its own ports",
	},
	{
		Flag: "keyed-ports", Unit: Ports, Default: 4,
		Help: "data ports of each reactor for the status exchange, whose offers share them; 0 disables " +
			"that exchange; if --data-ports is a range, a sixteenth of it is used",
		Base:   "nothing",
		Status: "nothing; with 0, `hello 1` is answered like any unknown command",
	},
	{
		Flag: "max-sessions", Most: countMost,
		Auto: "10,000, or half the descriptors if that is less",
		Help: "concurrent control connections; each uses a descriptor, and the default serves 9,000 " +
			"clients with a reserve",
		Base: closedAtOnce, Status: closedAtOnce,
		Field: func(l *Limits) any { return &l.Sessions },
	},
	{
		Flag: "max-sessions-per-address", Default: 9_500, Least: 1, Most: countMost,
		Help: "concurrent control connections of one client address; a whole lab may share one " +
			"address behind a router",
		Base: closedAtOnce, Status: closedAtOnce,
		Field: func(l *Limits) any { return &l.SessionsPerAddress },
	},
	{
		Flag: "max-session-rate", Default: 10_000, Least: 1, Most: countMost,
		Help: "sessions that one client address may open per second, after an initial burst of " +
			"--max-sessions-per-address; scripts that open one per file stay below it, a flood does not",
		Base: closedAtOnce, Status: closedAtOnce,
		Field: func(l *Limits) any { return &l.SessionRate },
	},
	{
		Flag: "max-transfers", Most: countMost,
		Auto: "as many as the descriptors allow",
		Help: "concurrent offers and data connections; each uses three descriptors",
		Base: delayed, Status: delayed150,
		Field: func(l *Limits) any { return &l.Transfers },
	},
	{
		Flag: "max-transfers-per-address", Most: countMost,
		Auto: "2,000, or half of --max-transfers if that is less",
		Help: "concurrent offers and data connections of one client address, so that slow readers " +
			"there leave room for others",
		Base: delayed, Status: delayed150,
		Field: func(l *Limits) any { return &l.TransfersPerAddress },
	},
	{
		Flag: "max-offers", Most: countMost,
		Auto: "--max-transfers",
		Help: "concurrent offers that no client has connected to yet",
		Base: delayed, Status: delayed150,
		Field: func(l *Limits) any { return &l.Offers },
	},
	{
		Flag: "max-offers-per-address", Default: 500, Least: 1, Most: countMost,
		Help: "offers of one client address that it has not connected to yet; an honest client " +
			"connects within a round trip, and holding offers costs an attacker nothing",
		Base: delayed, Status: delayed150,
		Field: func(l *Limits) any { return &l.OffersPerAddress },
	},
	{
		Flag: "max-keyless", Default: 128, Least: 1, Most: 1 << 16,
		Help: "data connections of the status exchange that have not sent their KEY; it is the first " +
			"thing a client sends, so few wait honestly; an address may have as many as it leaves to " +
			"others",
		Base: "nothing: base has no KEYs",
		Status: "the data connection that waited longest is closed, one of the same address if that " +
			"has its share; the offer remains valid until it expires",
		Field: func(l *Limits) any { return &l.Keyless },
	},
	{
		Flag: "max-command", Default: 4096, Least: 16, Most: 4096,
		Help:   "longest command in bytes, from 16 to 4096; the default admits the longest file name",
		Base:   "control is closed",
		Status: "501, then control is closed",
		Field:  func(l *Limits) any { return &l.CommandBytes },
	},
	{
		Flag: "max-control-buffer", Unit: Bytes, Default: 64 << 10, Least: 4106, Most: 1 << 30,
		Help: "bytes of commands that a client may send ahead, and of replies that it may leave " +
			"unread; both use memory",
		Base:   "control is closed; running transfers continue",
		Status: "421, then control is closed; running transfers continue",
		Field:  func(l *Limits) any { return &l.ControlBufferBytes },
	},
	{
		Flag: "max-upload", Unit: Bytes, Most: sizeMost,
		Help:   "largest file accepted; 0 means no limit but the disk",
		Base:   "the put is reset",
		Status: "552, and " + dataReset,
		Field:  func(l *Limits) any { return &l.UploadBytes },
	},
	{
		Flag: "min-free", Unit: Bytes, Default: 256 << 20, Most: sizeMost,
		Help: "disk space that uploads leave free, so that a full disk breaks nothing else; announced " +
			"uploads of one address reserve at most half of the rest",
		Base:   "the put is reset",
		Status: "452, and " + dataReset,
		Field:  func(l *Limits) any { return &l.FreeBytes },
	},
	{
		Flag: "max-parts", Default: 10_000, Least: 2, Most: 1 << 30,
		Help: "kept parts of interrupted uploads; each uses two files; an address may have as many as " +
			"it leaves to others",
		Base: "nothing: base has no parts",
		Status: "the oldest empty part that was idle for a minute is dropped; if there is none, 450, " +
			"and `ferry` uploads the file in one go",
		Field: func(l *Limits) any { return &l.Parts },
	},
	{
		Flag: "max-sum", Unit: Bytes, Default: 1 << 40, Most: sizeMost,
		Help: "bytes read for the checksums of one session; 0 means no limit; cached checksums of " +
			"unchanged files do not count",
		Base:   nothingSums,
		Status: "552; a new session starts from zero",
		Field:  func(l *Limits) any { return &l.SumBytes },
	},
	{
		Flag: "max-sums", Default: 1_000, Least: 1, Most: countMost,
		Help: "concurrent checksums, including those that wait for a worker; an address may have as " +
			"many as it leaves to others",
		Base: nothingSums, Status: "450",
		Field: func(l *Limits) any { return &l.Sums },
	},
	{
		Flag: "max-sums-per-address", Default: 16, Least: 1, Most: countMost,
		Help: "concurrent checksums of one client address, including those that wait, so that others " +
			"get their turn",
		Base: nothingSums, Status: "450",
		Field: func(l *Limits) any { return &l.SumsPerAddress },
	},
	{
		Flag: "max-listing", Unit: Bytes, Default: 16 << 20, Least: 4096, Most: 1 << 30,
		Help:   "longest listing of a folder; the default holds some 800,000 names",
		Base:   "the listing is reset",
		Status: "552",
		Field:  func(l *Limits) any { return &l.ListingBytes },
	},
	{
		Flag: "max-listing-memory", Unit: Bytes, Default: 128 << 20, Most: 1 << 40,
		Help: "memory of all listings, at least four times --max-listing, since clients may not read " +
			"theirs; an address may use as much as it leaves to others, and half of that for listings " +
			"over 256 KiB",
		Base:   "the listing is delayed, short ones first; after --stall-timeout it is reset",
		Status: "150 is delayed, short ones first; after --stall-timeout 450",
		Field:  func(l *Limits) any { return &l.ListingsBytes },
	},
	{
		Flag: "min-rate", Default: 16, Least: 1, Most: 1 << 40,
		Help:   "lowest transfer rate in bytes per second over --stall-timeout; any modem is faster",
		Base:   dataReset + " after --stall-timeout",
		Status: "426, and " + dataReset,
		Field:  func(l *Limits) any { return &l.RateBytes },
	},
	{
		Flag: "idle-timeout", Unit: Duration, Default: int64(10 * time.Minute),
		Least: durationLeast, Most: durationMost,
		Help:   "close a session that is idle for this long; people pause that long",
		Base:   "control is closed",
		Status: "421, then control is closed",
		Field:  func(l *Limits) any { return &l.IdleTimeout },
	},
	{
		Flag: "offer-timeout", Unit: Duration, Default: int64(10 * time.Second),
		Least: durationLeast, Most: durationMost,
		Help: "withdraw an offer that no client has connected to; a TCP connect makes up to three " +
			"attempts in that time",
		Base: "the port is withdrawn; after three in a row, in classic after the first, control is " +
			"closed",
		Status: "425; after three in a row 421, and control is closed",
		Field:  func(l *Limits) any { return &l.OfferTimeout },
	},
	{
		Flag: "lease-rest", Unit: Duration, Default: int64(2 * time.Minute),
		Least: durationLeast, Most: durationMost,
		Help: "keep the port of a withdrawn offer unused for its address, since a late connect must " +
			"not reach another session's offer",
		Base:   "the port reply is delayed if all other ports are resting too",
		Status: "nothing: its offers have no lease",
		Field:  func(l *Limits) any { return &l.LeaseRest },
	},
	{
		Flag: "classic-rest", Unit: Duration, Default: int64(2 * time.Second),
		Least: durationLeast, Most: durationMost,
		Help: "the same for the classic exchange; shorter, since all its sessions share two ports and " +
			"wait for them",
		Base:   "nothing; in classic `CONN` is delayed",
		Status: "nothing",
		Field:  func(l *Limits) any { return &l.ClassicRest },
	},
	{
		Flag: "stall-timeout", Unit: Duration, Default: int64(time.Minute),
		Least: durationLeast, Most: durationMost,
		Help:   "reset a transfer that was slower than --min-rate for this long; networks recover sooner",
		Base:   dataReset,
		Status: "426, and " + dataReset,
		Field:  func(l *Limits) any { return &l.StallTimeout },
	},
	{
		Flag: "drain-timeout", Unit: Duration, Default: int64(30 * time.Second),
		Least: durationLeast, Most: durationMost,
		Help:   "let running transfers finish for this long after SIGTERM; supervisors wait that long",
		Base:   dataReset,
		Status: "421, and " + dataReset,
		Field:  func(l *Limits) any { return &l.DrainTimeout },
	},
}
