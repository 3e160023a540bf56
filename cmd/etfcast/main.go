package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc/grpclog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, libraryLog{}))
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// libraryLog passes on what gRPC would write to standard error, where it would break a log of JSON lines.
type libraryLog struct{}

func (libraryLog) Write(p []byte) (int, error) {
	slog.Default().Warn("gRPC", "line", strings.TrimSpace(string(p)))
	return len(p), nil
}
