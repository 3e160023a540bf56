package source

import (
	"context"

	"github.com/etfcast/etfcast/etf"
)

// Source is one provider of prices. Implementations are safe for use by several goroutines.
type Source interface {
	// Name is the name an etf.SourceRef and the task queue use: lower case, stable.
	Name() string

	// Fetch answers one query. It has no side effect on stored data and may be repeated. A window without bars
	// of a known ETF is an empty answer, not an error.
	//
	// Errors are *etf.Error: KindNotFound for a reference the provider does not know, KindRateLimited with
	// RetryAfter, KindUnavailable for down, slow or truncated, KindCorrupt for an answer that can't be understood
	// (the text says where), KindDenied for keys, plans, challenges and permissions, KindInvalid for a query or
	// reference that is wrong in itself. A cancelled context gives an error that wraps ctx.Err().
	Fetch(ctx context.Context, q etf.Query) (etf.Response, error)
}
