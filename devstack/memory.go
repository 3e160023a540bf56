package main

import (
	"os"
	"runtime/debug"
)

const (
	// gcPercent lets the heap grow to five times what is live before it is collected. Both servers make garbage with every
	// request and keep little: live are about 60 MB, and collecting them at each doubling took a quarter of the processor.
	gcPercent = 400
	// memoryLimit makes collections frequent again before the process outgrows a small machine.
	memoryLimit = 1 << 30
)

// spareCollector sets the garbage collector for two servers in one process; GOGC and GOMEMLIMIT, where set, stand.
func spareCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
