package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// envFile, in the data folder, holds the command's environment for other terminals while devstack runs.
const envFile = "devstack.env"

// writeEnv writes envFile. Like the marker it contains passwords, so it has the same permissions.
func (s *stack) writeEnv() error {
	var text strings.Builder
	for _, pair := range s.environ() {
		name, value, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&text, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	if err := os.WriteFile(s.folder.file(envFile), []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing the environment for other terminals: %w", err)
	}
	return nil
}

// printEnv prints envFile, if the devstack that wrote it is still running.
func printEnv(ctx context.Context, w io.Writer, folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, envFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no devstack is running on --data %s; start one with: devstack run --data %s", folder, folder)
	}
	if err != nil {
		return fmt.Errorf("reading the environment of a running devstack: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), "export TEMPORAL_ADDRESS='")
		if !ok {
			continue
		}
		conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", strings.TrimSuffix(addr, "'"))
		if err != nil {
			return fmt.Errorf("the devstack on --data %s is no longer running; start it with: devstack run --data %s", folder, folder)
		}
		_ = conn.Close()
	}
	_, err = w.Write(text)
	return err
}
