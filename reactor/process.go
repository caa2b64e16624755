package reactor

import "runtime"

// logProcess writes what the process has in use. The heap is collected first: what is told is held,
// not what waits for the collector.
func (s *Server) logProcess() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.log.Info().Int("goroutines", runtime.NumGoroutine()).
		Uint64("heap_bytes", m.HeapAlloc).Uint64("heap_objects", m.HeapObjects).
		Uint64("collections", uint64(m.NumGC)).Msg("process")
}
