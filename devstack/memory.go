package main

import (
	"os"
	"runtime/debug"
)

const (
	// gcPercent lets the heap grow to four times its live size before a collection. Both servers allocate a lot per
	// request and keep little: collecting at each doubling took a quarter of the CPU time.
	gcPercent = 300
	// memoryLimit makes collections frequent again before the process outgrows a small machine. The live heap is 60 MB
	// after the start and about 450 MB with hundreds of ETFs: Dolt caches 256 MB of tree nodes, which can't be configured.
	// With a limit of 1 GiB, the collector then took a third of the CPU time.
	memoryLimit = 2 << 30
)

// tuneCollector tunes the garbage collector for two servers in one process. GOGC and GOMEMLIMIT, if set, take precedence.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
