// Package codec encodes and decodes the ferry protocol, which PROTOCOL.md in this folder describes.
// Client and server share it.
//
// The package is pure: it uses no network, clock or file system, starts no goroutines, and keeps no
// reference to the caller's memory unless a function says so. It consists of:
//
//   - fields and decoders: ten-byte decimal numbers, and a [Decoder] that turns the bytes of one
//     direction of one connection into events;
//   - commands and replies: [Command] for base and classic, [Request] and the reply functions for
//     the status exchange, each as a pair of functions that write and read.
//
// The law of the package: the sequence of events, errors included, does not depend on how the input
// was cut into pieces. Only the boundaries between consecutive [EventBytes] do.
//
// Decoding a field or a complete command does not allocate. A command that arrives in pieces is
// collected in a pooled buffer, which is returned when the next event is requested.
package codec
