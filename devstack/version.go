package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is devstack's version. It is stored in devstack.json so that the error for a newer folder can name it.
const version = "0.1.0"

// versions returns devstack's version and those of the embedded servers, as recorded by the build.
func versions() string {
	modules := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			modules[m.Path] = m.Version
		}
	}
	return fmt.Sprintf("devstack %s (data format %d)\n  Temporal server  %s\n  Temporal Web UI  %s\n  Dolt             %s\n  Go               %s",
		version, folderFormat, modules["go.temporal.io/server"], modules["github.com/temporalio/ui-server/v2"],
		modules["github.com/dolthub/dolt/go"], runtime.Version())
}
