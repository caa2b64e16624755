// Package bench loads a server with many clients at once and says how it held up.
//
// A [Scenario] is what the clients do: each puts files of its own and gets them again, as fast as
// it can, and compares what came by hash. [Run] drives it and gives a [Report]: transfers a second,
// latencies, errors by kind, and the processor time that server and clients spent. A [Plan] adds
// the server: one that runs, or a ferryd started for the occasion. The program is
// bench/ferrybench.
//
// Nothing here shares a process with the server, and transfers go through package client, so that
// the figures are those of real clients. Where the clients' own cost would hide the server's, as
// beside the floor in testdata/floor.c, the tests have a driver that does without goroutines.
package bench
