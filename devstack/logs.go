package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// logLimit is the size beyond which a log file is emptied at the next start. There is no rotation: the logs of a
// development stack are read the same day or never.
const logLimit = 50 << 20

func trimLogs(f *folder) error {
	for _, name := range []string{"temporal.log", "mysql.log"} {
		path := f.file("logs", name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("checking the size of log %s: %w", path, err)
		}
		if info.Size() <= logLimit {
			continue
		}
		if err := os.Truncate(path, 0); err != nil {
			return fmt.Errorf("emptying log %s: %w", path, err)
		}
	}
	return nil
}
