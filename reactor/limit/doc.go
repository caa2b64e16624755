// Package limit bounds what clients may use of a server. Table describes every limit: the flags, their
// defaults, their validation and the documentation come from it. A Budget counts what is in use, over
// all reactors and per client address. Rates bound how fast an address opens sessions.
package limit
