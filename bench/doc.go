// Package bench loads a file server with many clients and reports how it performs.
//
// A [Scenario] says what clients do: download, upload and list files by weight, and compare
// downloads by hash. A [Plan] adds the servers, the loads (numbers of clients, or rates) and the
// turns of each; [Plan.Run] executes it and returns a [Result], which can be printed, compared,
// checked and plotted. The program is bench/ferrybench.
//
// The clients of a turn are divided among loops, one as a rule. A loop drives its clients on one
// goroutine, by epoll, so a load runs on Linux only; a protocol decides what to send and what the
// answers mean, without sockets or a clock:
//
//	run ─ span ─► loop ─ job ─► protocol (a session)
//	 ▲ Turn        │ record
//	 └─────────────┘
//
// A turn opens sessions, warms up, and then starts jobs for some time; every job that was started
// is finished, so that the usage of server and harness belongs to exactly those jobs. In a closed
// loop the turn's seconds are the average time that a client was busy, from its start to the end of
// its last job; in an open loop they are the time in which jobs were due to start.
package bench
