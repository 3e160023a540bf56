package main

import (
	"os"
	"runtime/debug"
)

const (
	// gcPercent lets the heap grow to four times what is live before it is collected. Both servers make garbage with every
	// request and keep little: collecting it at each doubling took a quarter of the processor.
	gcPercent = 300
	// memoryLimit makes collections frequent again before the process outgrows a small machine. Live are 60 MB at a start
	// and about 450 MB with hundreds of ETFs: Dolt caches 256 MB of tree nodes, which no setting changes. A limit of 1 GiB
	// made the collector take a third of the processor then.
	memoryLimit = 2 << 30
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
