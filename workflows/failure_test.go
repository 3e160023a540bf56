package workflows

import (
	"errors"
	"fmt"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// What an activity's error was made into comes back as an error of its kind, for clients.
func TestErrorOf(t *testing.T) {
	t.Parallel()
	app := func(errorType string, details ...any) error {
		return fmt.Errorf("update: %w", temporal.NewNonRetryableApplicationError("by: nobody is named", errorType, nil, details...))
	}
	for _, c := range []struct {
		err   error
		kind  etf.Kind
		field string
	}{
		{app(activities.TypeConflict), etf.KindConflict, ""},
		{app(activities.TypeInvalid, activities.ErrorDetail{Field: "finding"}), etf.KindInvalid, "finding"},
		{app(activities.TypeInvalid, activities.ErrorDetail{Field: "by"}), etf.KindInvalid, ""}, // the message names it already
		{app(activities.TypeNotFound), etf.KindNotFound, ""},
		{app(activities.TypeUnavailable), etf.KindUnavailable, ""},
		{app(activities.TypeSourceDenied), etf.KindInternal, ""},
		{app("Unheard"), etf.KindInternal, ""},
	} {
		var e *etf.Error
		if err := ErrorOf(c.err); !errors.As(err, &e) || e.Kind != c.kind || e.Field != c.field || e.Message != "by: nobody is named" {
			t.Errorf("%v became %#v", c.err, err)
		}
	}
	for _, err := range []error{nil, errors.New("connection refused"), temporal.NewCanceledError()} {
		if got := ErrorOf(err); got != nil {
			t.Errorf("%v became %v", err, got)
		}
	}
}
