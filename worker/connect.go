package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

const (
	connectFirst = 250 * time.Millisecond
	connectMost  = 5 * time.Second
	askTimeout   = 10 * time.Second
)

// Connect returns a client once Temporal answers and has the namespace, trying again with growing pauses until ctx
// ends: the order in which processes start does not matter. waiting, which may be nil, is told why whenever the
// reason changes, and nil at the end. Options that can never work are KindInvalid at once. An empty Logger is set to
// log.
func Connect(ctx context.Context, options client.Options, log *slog.Logger, waiting func(error)) (client.Client, error) {
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.Logger == nil {
		options.Logger = sdklog.NewStructuredLogger(log)
	}
	if waiting == nil {
		waiting = func(error) {}
	}
	c, err := client.NewLazyClient(options)
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "TEMPORAL_ADDRESS", Message: "Temporal's client refuses its options", Err: err}
	}
	err = Retry(ctx, log, waiting, func(ctx context.Context) error {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: options.Namespace})
		return unreachable(err, options)
	})
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func unreachable(err error, options client.Options) error {
	var notFound *serviceerror.NamespaceNotFound
	var denied *serviceerror.PermissionDenied
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notFound):
		return &etf.Error{Kind: etf.KindUnavailable, Field: "TEMPORAL_NAMESPACE", Message: fmt.Sprintf("Temporal has no namespace %q yet", options.Namespace),
			Remedy: "create it with `temporal operator namespace create`"}
	case errors.As(err, &denied):
		return &etf.Error{Kind: etf.KindDenied, Field: "TEMPORAL_API_KEY", Message: "Temporal refuses this client", Err: err, Remedy: "check the key or certificate"}
	}
	return &etf.Error{Kind: etf.KindUnavailable, Field: "TEMPORAL_ADDRESS", Message: "waiting for Temporal at " + options.HostPort, Err: err}
}

// Retry calls do until it succeeds, with pauses growing from 0.25 s to 5 s, and gives up only when ctx ends (nil
// error of its own: ctx's) or do's error is one that waiting does not mend. waiting is told of each new reason.
func Retry(ctx context.Context, log *slog.Logger, waiting func(error), do func(context.Context) error) error {
	pause, last := connectFirst, ""
	for {
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			return do(ctx)
		}()
		if err == nil {
			waiting(nil)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if kind := etf.KindOf(err); kind != etf.KindUnavailable && kind != etf.KindRateLimited {
			return err
		}
		if err.Error() != last {
			last = err.Error()
			log.Info("waiting", "for", last)
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, connectMost)
	}
}

// EnsureSearchAttributes makes the search attributes the workflows use in the namespace and waits until the server
// accepts them. It may be called by several processes at once and as often as they start. An attribute of the name
// and another type is KindConflict; a user who may not make attributes is KindDenied with the commands to run.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string, log *slog.Logger) error {
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return Retry(ctx, log, func(error) {}, func(ctx context.Context) error {
		missing, err := MissingSearchAttributes(ctx, c, namespace)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return attributesUsable(ctx, c, namespace)
		}
		_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: missing,
		})
		var exists *serviceerror.AlreadyExists
		if err != nil && !errors.As(err, &exists) {
			return operatorError(err, "adding search attributes")
		}
		if missing, err = MissingSearchAttributes(ctx, c, namespace); err != nil {
			return err
		}
		if len(missing) > 0 {
			return &etf.Error{Kind: etf.KindUnavailable, Message: "the new search attributes are not visible yet"}
		}
		return attributesUsable(ctx, c, namespace)
	})
}

// attributesUsable asks for workflows by every attribute. A new attribute is listed before the parts of the server that
// keep a namespace's settings in memory accept it; until then a start that sets it is refused.
func attributesUsable(ctx context.Context, c client.Client, namespace string) error {
	var query []string
	for _, key := range workflows.SearchAttributes() {
		query = append(query, key.GetName()+" IS NULL")
	}
	_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: strings.Join(query, " AND ")})
	if err != nil {
		return etf.Wrap(etf.KindUnavailable, err, "waiting until the search attributes can be used")
	}
	return nil
}

// MissingSearchAttributes returns the search attributes the namespace ("" = the default one) lacks. One of the name and
// another type is KindConflict with the remedy.
func MissingSearchAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, operatorError(err, "listing search attributes")
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, key := range workflows.SearchAttributes() {
		switch got, ok := have.GetCustomAttributes()[key.GetName()]; {
		case !ok:
			missing[key.GetName()] = key.GetValueType()
		case got != key.GetValueType():
			return nil, &etf.Error{Kind: etf.KindConflict, Field: key.GetName(),
				Message: fmt.Sprintf("the search attribute is %s in namespace %s and has to be %s", got, namespace, key.GetValueType()),
				Remedy:  "use another namespace, or remove the attribute with `temporal operator search-attribute remove`"}
		}
	}
	return missing, nil
}

func operatorError(err error, doing string) error {
	var denied *serviceerror.PermissionDenied
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.As(err, &denied):
		return &etf.Error{Kind: etf.KindDenied, Message: doing, Err: err,
			Remedy: "create them as an administrator: docs/workflows.md lists the commands"}
	case errors.As(err, &invalid):
		return &etf.Error{Kind: etf.KindInvalid, Message: doing, Err: err}
	}
	return etf.Wrap(etf.KindUnavailable, err, doing)
}
