//go:build race

package main

// raceEnabled says that the race detector runs: the programs under test are built with it too, and
// a race in them ends them with a status that no test expects.
const raceEnabled = true
