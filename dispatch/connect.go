package dispatch

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/etf"
)

const (
	// callTimeout bounds one call. The SDK retries a server that can't be reached until then.
	callTimeout = 4 * time.Second
	// waitTimeout bounds one call of those that wait until the server is there.
	waitTimeout = 10 * time.Second
)

// Client acts on one namespace of a Temporal server. It is safe for concurrent use.
type Client struct {
	sdk       client.Client
	namespace string
}

// New returns a Client that connects when it is first used: the server may come up later. Options that can never work
// are KindInvalid. An empty Logger is set to log.
func New(options client.Options, log *slog.Logger) (*Client, error) {
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.Logger == nil {
		options.Logger = sdklog.NewStructuredLogger(log)
	}
	sdk, err := client.NewLazyClient(options)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "TEMPORAL_ADDRESS", Message: "Temporal's client refuses its options", Err: err,
			Remedy: "correct the TEMPORAL_* settings"}
	}
	return &Client{sdk: sdk, namespace: options.Namespace}, nil
}

// Of returns a Client on top of an SDK client that somebody else made and closes.
func Of(sdk client.Client, namespace string) *Client {
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return &Client{sdk: sdk, namespace: namespace}
}

// SDK returns the SDK's client, for the workers.
func (c *Client) SDK() client.Client { return c.sdk }

// Namespace returns the namespace the Client acts on.
func (c *Client) Namespace() string { return c.namespace }

// Close ends the connection.
func (c *Client) Close() { c.sdk.Close() }

// Check returns nil when the server answers and has the namespace.
func (c *Client) Check(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	// Unlike the health service this also tells a missing namespace.
	_, err := c.sdk.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.namespace})
	return temporalError(ctx, err, "check namespace "+c.namespace)
}

// Await returns once Temporal answers and has the namespace. See Retry for report, and for when it gives up.
func (c *Client) Await(ctx context.Context, log *slog.Logger, report func(error)) error {
	return Retry(ctx, log, report, c.Check)
}
