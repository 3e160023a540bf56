package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etfcast/etfcast/etf"
)

// temporalError gives err a kind. Errors that are indistinguishable from a server that is down are KindUnavailable.
func temporalError(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	var (
		started   *serviceerror.WorkflowExecutionAlreadyStarted
		notFound  *serviceerror.NotFound
		namespace *serviceerror.NamespaceNotFound
		exhausted *serviceerror.ResourceExhausted
		query     *serviceerror.QueryFailed
		invalid   *serviceerror.InvalidArgument
		denied    *serviceerror.PermissionDenied
	)
	switch {
	case errors.As(err, &namespace):
		return &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("Temporal has no namespace %s", namespace.Namespace), Remedy: "create it with `temporal operator namespace create`, or set TEMPORAL_NAMESPACE", Err: err}
	case errors.As(err, &started):
		return &etf.Error{Kind: etf.KindConflict, Message: "the workflow has already ended: " + doing, Remedy: "see it in Temporal's Web UI", Err: err}
	case errors.As(err, &notFound):
		return etf.Wrapf(etf.KindNotFound, err, "not found in Temporal: %s", doing)
	case errors.As(err, &exhausted):
		return etf.Wrapf(etf.KindUnavailable, err, "Temporal is over its rate limit: %s", doing)
	case errors.As(err, &invalid) && strings.Contains(invalid.Message, "search attribute"):
		return &etf.Error{Kind: etf.KindUnavailable, Message: "the namespace lacks the search attributes", Remedy: "start a worker, which creates them", Err: err}
	case errors.As(err, &denied):
		return &etf.Error{Kind: etf.KindDenied, Message: "Temporal denies access: " + doing, Remedy: "check TEMPORAL_API_KEY or the TLS certificate", Err: err}
	case errors.As(err, &invalid), errors.As(err, &query):
		return etf.Wrapf(etf.KindInternal, err, "Temporal rejected the request: %s", doing)
	}
	if status.Code(err) == codes.Canceled && ctx.Err() == nil {
		// The connection was closed during the call.
		return etf.Wrapf(etf.KindUnavailable, err, "Temporal closed the connection: %s", doing)
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "Temporal can't be reached", Remedy: "check that it is running and that TEMPORAL_ADDRESS is right", Err: fmt.Errorf("%s: %w", doing, err)}
}
