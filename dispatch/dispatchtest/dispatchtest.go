// Package dispatchtest gives each test its own namespace on the Temporal server at TEMPORAL_ADDRESS, so that other tests'
// workers don't pick up its workflows. It is for tests only.
package dispatchtest

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// Connect returns a client in a new namespace with the search attributes, or skips the test if there is no server. It
// also checks that start order does not matter: the client starts to wait before the namespace exists, and the search
// attributes are ensured twice concurrently, as two processes would.
func Connect(t *testing.T) *dispatch.Client {
	t.Helper()
	address := testenv.Temporal.Value(t)
	ctx, silent := t.Context(), slog.New(slog.DiscardHandler)
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	options := client.Options{HostPort: address, Namespace: "test-" + hex.EncodeToString(b[:]), Logger: sdklog.NewStructuredLogger(silent)}
	registrar, err := client.NewNamespaceClient(client.Options{HostPort: address, Logger: options.Logger})
	if err != nil {
		t.Fatal(err)
	}
	defer registrar.Close()
	c, err := dispatch.New(options, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Check(ctx); etf.KindOf(err) != etf.KindUnavailable {
		t.Fatalf("before the namespace exists the check returns %v", err)
	}
	connected := make(chan error, 1)
	go func() { connected <- c.Await(ctx, silent) }()
	if err := registrar.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: options.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	var processes sync.WaitGroup
	for range 2 {
		processes.Go(func() {
			if err := c.EnsureSearchAttributes(ctx, silent); err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	return c
}
