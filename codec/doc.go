// Package codec turns the bytes of ferry's exchanges into events and back.
//
// It is pure: it imports no network, no clock and no file system, starts nothing and keeps no
// reference to its caller's memory beyond what each function says. Server and client use the same
// code. Three parts stand side by side:
//
//   - fields and decoders: ten-byte decimal fields, and a [Decoder] that takes the bytes of one
//     direction of one connection in whatever cuts they arrive and gives events;
//   - commands and replies: the text of a command as a verb and a name, and the few texts that the
//     base exchange sends back; for the status exchange a [Request] with all its arguments, the
//     frames of replies, and what stands in them, each written and read by a pair of functions;
//   - the [Exchange]: the table of what may follow what in one session.
//
// The law of the package: the trace of events, errors included, does not depend on how the input
// was cut. [Event.Data] of successive [EventBytes] is one stream whose pieces are the only thing
// that may differ.
//
// Decoding a field or a command allocates nothing. A command that arrives in pieces is gathered
// in a buffer borrowed from a pool, which goes back when the next event is asked for.
package codec
