// Package bench loads a file server with many clients and reports how it performs.
//
// A [Scenario] says what clients do: download, upload and list files by weight, and compare
// downloads by hash. A [Plan] adds the servers, the loads (numbers of clients, or rates) and the
// turns of each; [Plan.Run] executes it and returns a [Result], which can be printed, compared,
// checked and plotted. The program is bench/ferrybench.
//
//	run ─ order ─► worker (here or a process) ─ share ─► loop ─ job ─► protocol (a session)
//	 ▲ Turn             │ report                          │ record
//	 └──────────────────┴─────────────────────────────────┘
//
// The clients of a turn are divided among workers. Each worker drives its share with one event
// loop; a protocol decides what to send and what the answers mean, without sockets or a clock.
//
// A turn opens sessions, warms up, and then starts jobs for some time; every job that was started
// is finished, so that the usage of server and harness belongs to exactly those jobs. In a closed
// loop the turn's seconds are the average time that a client was busy, from its start to the end of
// its last job; in an open loop they are the time in which jobs were due to start.
package bench
