// Package bench loads a server with many clients at once and says how it held up.
//
// A [Scenario] is what clients do: they get, put and list files, each as its weights say, and
// compare what comes by hash. A [Plan] adds the servers, the steps of a curve (so many clients, or
// a rate) and the turns of each; [Plan.Run] carries it out and gives a [Result]. The program is
// bench/ferrybench.
//
//	conductor ─ turn ─► worker (a process) ─ share ─► team (a driver) ─ job ─► talk (a session)
//	    ▲ Turn              │ findings                  │ record                │ exchange
//	    └───────────────────┴───────────────────────────┘                       └► base, ftp, web
//
// A turn's clients are shared out among workers, one in this process or several in processes of
// their own. In each a driver moves its share's clients: the loop, which is an epoll loop on one
// goroutine and costs a client nothing but its state, or the crowd, a goroutine each over package
// client. What a protocol says and understands is an exchange, without sockets and without a clock.
//
// A turn is: sessions are opened, warmed up, and let come to rest; then jobs begin for a time, and
// all that were begun end. So what server and harness used is what those jobs cost, no more and no
// less. In a closed loop the turn's seconds are those that a client was at it on average, from its
// begin to the end of its last job; in an open one they are the time in which jobs were to begin.
//
// Nothing here shares a process with the server.
package bench
