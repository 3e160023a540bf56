package workflows

import (
	"errors"
	"fmt"
	"strings"
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
	told := func(message, field, remedy string) error {
		return temporal.NewNonRetryableApplicationError(message, activities.TypeInvalid, nil, activities.ErrorDetail{Field: field, Remedy: remedy})
	}
	long := "read " + strings.Repeat("docs/operations.md ", 12) // longer than the detail's 200 bytes
	for _, c := range []struct {
		err  error
		want etf.Error
	}{
		{app(activities.TypeConflict), etf.Error{Kind: etf.KindConflict, Message: "by: nobody is named"}},
		{app(activities.TypeInvalid, activities.ErrorDetail{Field: "finding"}), etf.Error{Kind: etf.KindInvalid, Field: "finding", Message: "by: nobody is named"}},
		{app(activities.TypeInvalid, activities.ErrorDetail{Field: "by"}), etf.Error{Kind: etf.KindInvalid, Field: "by", Message: "nobody is named"}},
		{app(activities.TypeNotFound), etf.Error{Kind: etf.KindNotFound, Message: "by: nobody is named"}},
		{app(activities.TypeUnavailable), etf.Error{Kind: etf.KindUnavailable, Message: "by: nobody is named"}},
		{app(activities.TypeSourceDenied), etf.Error{Kind: etf.KindInternal, Message: "by: nobody is named"}},
		{app("Unheard"), etf.Error{Kind: etf.KindInternal, Message: "by: nobody is named"}},
		{told("finding: no bar; look at it", "finding", "look at it"), etf.Error{Kind: etf.KindInvalid, Field: "finding", Message: "no bar", Remedy: "look at it"}},
		{told("finding: no bar; "+long, "finding", etf.Clip(long, 200)), etf.Error{Kind: etf.KindInvalid, Field: "finding", Message: "no bar", Remedy: long}},
		// The message was clipped before its remedy.
		{told("finding: no bar has the num…", "finding", "look at it"), etf.Error{Kind: etf.KindInvalid, Field: "finding", Message: "no bar has the num…", Remedy: "look at it"}},
	} {
		var e *etf.Error
		if err := ErrorOf(c.err); !errors.As(err, &e) || *e != c.want {
			t.Errorf("%v became %#v", c.err, err)
		}
	}
	for _, err := range []error{nil, errors.New("connection refused"), temporal.NewCanceledError()} {
		if got := ErrorOf(err); got != nil {
			t.Errorf("%v became %v", err, got)
		}
	}
}
