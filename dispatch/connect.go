package dispatch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/retry"
)

// callTimeout limits one call. Until then the SDK retries if the server can't be reached.
const callTimeout = 4 * time.Second

// Client acts on one namespace of a Temporal server. It is safe for concurrent use.
type Client struct {
	sdk       client.Client
	address   string
	namespace string
	identity  string
}

// New returns a Client that connects when it is first used, so the server may come up later. Invalid options are
// KindInvalid. A nil Logger is replaced by log.
func New(options client.Options, log *slog.Logger) (*Client, error) {
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.Logger == nil {
		options.Logger = sdklog.NewStructuredLogger(log)
	}
	if options.Identity == "" {
		options.Identity = newIdentity()
	}
	sdk, err := client.NewLazyClient(options)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "TEMPORAL_ADDRESS", Message: "Temporal's client rejects its options", Err: err,
			Remedy: "correct the TEMPORAL_* variables"}
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	return &Client{sdk: sdk, address: options.HostPort, namespace: options.Namespace, identity: options.Identity}, nil
}

// newIdentity names this process to the server. In a container the process ID and the host name, which the SDK uses, are
// the same after a restart.
func newIdentity() string {
	host, _ := os.Hostname()
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%d@%s@%s", os.Getpid(), host, hex.EncodeToString(b[:]))
}

// SDK returns the underlying SDK client, for the workers.
func (c *Client) SDK() client.Client { return c.sdk }

// Address returns the server's address.
func (c *Client) Address() string { return c.address }

// Namespace returns the namespace the Client acts on.
func (c *Client) Namespace() string { return c.namespace }

// Close ends the connection.
func (c *Client) Close() { c.sdk.Close() }

// Check returns nil if the server responds and has the namespace.
func (c *Client) Check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	// Unlike the health service, this also detects a missing namespace.
	_, err := c.sdk.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.namespace})
	return temporalError(ctx, err, "check namespace "+c.namespace)
}

// Await returns once the server responds and has the namespace. It gives up as retry.Until does.
func (c *Client) Await(ctx context.Context, log *slog.Logger) error {
	return retry.Until(ctx, log, 0, c.Check) // Check has a limit of its own
}
