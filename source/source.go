package source

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// Source is one provider of prices. Implementations are safe for use by several goroutines.
type Source interface {
	// Name is the name used in an etf.SourceRef and in the task queue: lower case, stable.
	Name() string

	// Fetch runs one query. It has no side effect on stored data and may be repeated. For a known ETF, a window without
	// bars gives an empty response, not an error.
	//
	// Errors are *etf.Error: KindNotFound for a reference the provider does not know, KindRateLimited with
	// RetryAfter, KindUnavailable if the provider is down or slow or the response is truncated, KindCorrupt for a
	// response that can't be parsed (the message says where), KindDenied for a problem with a key, plan, challenge or
	// permission, KindInvalid for an invalid query or reference. A cancelled context gives an error that wraps ctx.Err().
	Fetch(ctx context.Context, q etf.Query) (etf.Response, error)
}
