package bench

// Drivers are the ways in which clients are driven, the first one unless it is said otherwise.
func Drivers() []string {
	if loopServes {
		return []string{driverLoop, driverClient}
	}
	return []string{driverClient}
}

const (
	// driverLoop is an event loop for all clients of a process. Linux only.
	driverLoop = "loop"
	// driverClient is a goroutine for each client, and the package client for what it speaks.
	driverClient = "client"
)

// newTeam makes a share's clients.
func newTeam(driver string, s share, m *mix) (team, error) {
	if driver == driverLoop {
		return newLoops(s, m)
	}
	return newCrowd(s, m)
}
