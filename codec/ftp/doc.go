// Package ftp turns the bytes of an FTP session into values and back.
//
// It is pure: it does no I/O, starts no goroutines, reads no clock and keeps no reference to its
// caller's memory unless a function says so. It covers RFC 959, 1123, 2389, 2428, 2640 and 3659,
// the MFMT and HASH drafts, and what common clients do that no RFC describes.
//
//   - [Reader] takes the bytes of the control connection in any pieces and returns lines without
//     telnet codes. [NextLine] looks ahead into input that is not to be processed yet.
//   - [Parse] splits a line into a [Verb] and its argument. [Verb.Properties] is the table of
//     commands. A Parse function for each kind of argument returns the value and a [Reply]: 0 if
//     the argument is good, or the reply to send if it is not.
//   - [Reply] and the Append functions write what the server answers.
//   - [Listing] writes the lines of LIST, NLST, MLSD and MLST.
//   - [ToWire] and [FromWire] convert the line ends of type A, and [Pattern] matches wildcards.
//
// The law of the reader: its events do not depend on how the input was cut.
package ftp
