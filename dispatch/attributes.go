package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/retry"
	"github.com/etfcast/etfcast/workflows"
)

// EnsureSearchAttributes creates the workflows' search attributes in the namespace and waits until the server accepts
// them. It may be called by several processes at once and on every start. An existing attribute of another type is
// KindConflict; a user who may not create attributes gets KindDenied with a remedy.
func (c *Client) EnsureSearchAttributes(ctx context.Context, log *slog.Logger) error {
	return retry.Until(ctx, log, retry.Limit, func(ctx context.Context) error {
		missing, err := c.MissingSearchAttributes(ctx)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return c.attributesUsable(ctx)
		}
		_, err = c.sdk.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: c.namespace, SearchAttributes: missing,
		})
		var exists *serviceerror.AlreadyExists
		if err != nil && !errors.As(err, &exists) {
			return operatorError(err, "adding search attributes")
		}
		if missing, err = c.MissingSearchAttributes(ctx); err != nil {
			return err
		}
		if len(missing) > 0 {
			return &etf.Error{Kind: etf.KindUnavailable, Message: "the new search attributes are not visible yet"}
		}
		return c.attributesUsable(ctx)
	})
}

// attributesUsable queries workflows by every attribute. A new attribute is listed before those parts of the server that
// cache a namespace's settings accept it; until then a start that sets it fails.
func (c *Client) attributesUsable(ctx context.Context) error {
	var query []string
	for _, key := range workflows.SearchAttributes() {
		query = append(query, key.GetName()+" IS NULL")
	}
	_, err := c.sdk.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: c.namespace, Query: strings.Join(query, " AND ")})
	if err != nil {
		return etf.Wrap(etf.KindUnavailable, err, "waiting until the search attributes are usable")
	}
	return nil
}

// MissingSearchAttributes returns the search attributes the namespace lacks. An existing attribute of another type is
// KindConflict with a remedy.
func (c *Client) MissingSearchAttributes(ctx context.Context) (map[string]enumspb.IndexedValueType, error) {
	have, err := c.sdk.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: c.namespace})
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
				Message: fmt.Sprintf("the search attribute is of type %s in namespace %s but must be %s", got, c.namespace, key.GetValueType()),
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
			Remedy: "have an administrator create them: docs/workflows.md lists the commands"}
	case errors.As(err, &invalid):
		return &etf.Error{Kind: etf.KindInvalid, Message: doing, Err: err}
	}
	return etf.Wrap(etf.KindUnavailable, err, doing)
}
