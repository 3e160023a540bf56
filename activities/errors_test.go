package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// translate runs f inside an activity, for its attempt and context.
func translate(t *testing.T, f func(context.Context) error) *temporal.ApplicationError {
	t.Helper()
	probe := func(ctx context.Context) error { return f(ctx) }
	env := newEnv(t)
	env.RegisterActivity(probe)
	_, err := env.ExecuteActivity(probe)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		t.Fatalf("not an application error: %v", err)
	}
	return app
}

func TestKindsBecomeTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      etf.Kind
		store     string
		storeEnds bool
		source    string
		sourceEnd bool
	}{
		{etf.KindInvalid, TypeInvalid, true, TypeSourceInvalid, true},
		{etf.KindNotFound, TypeNotFound, true, TypeSourceNotFound, true},
		{etf.KindConflict, TypeConflict, false, TypeSourceFault, true},
		{etf.KindUnavailable, TypeUnavailable, false, TypeSourceUnavailable, false},
		{etf.KindRateLimited, TypeRateLimited, false, TypeSourceRateLimited, false},
		{etf.KindDenied, TypeDenied, true, TypeSourceDenied, true},
		{etf.KindCorrupt, TypeCorrupt, true, TypeSourceCorrupt, true},
		{etf.KindInternal, TypeInternal, false, TypeSourceFault, true},
	} {
		cause := fmt.Errorf("reading: %w", &etf.Error{Kind: c.kind, Field: "SPY.csv:17", Message: "bad", Remedy: "mend it"})
		app := translate(t, func(ctx context.Context) error { return fail(ctx, cause) })
		if app.Type() != c.store || app.NonRetryable() != c.storeEnds {
			t.Errorf("%s of the store became %s, final %t", c.kind, app.Type(), app.NonRetryable())
		}
		var detail ErrorDetail
		if err := app.Details(&detail); err != nil || detail != (ErrorDetail{Attempt: 1, Field: "SPY.csv:17", Remedy: "mend it"}) {
			t.Errorf("%s carries %+v, %v", c.kind, detail, err)
		}
		app = translate(t, func(ctx context.Context) error { return failSource(ctx, "yahoo", cause) })
		if app.Type() != c.source || app.NonRetryable() != c.sourceEnd || !strings.HasPrefix(app.Message(), "yahoo: ") {
			t.Errorf("%s of a source became %s, final %t: %s", c.kind, app.Type(), app.NonRetryable(), app.Message())
		}
		if !IsSourceError(app.Type()) {
			t.Errorf("after %s the next source is not asked", app.Type())
		}
	}
}

func TestAnErrorWithoutKindIsOurFault(t *testing.T) {
	t.Parallel()
	app := translate(t, func(ctx context.Context) error { return fail(ctx, errors.New("boom")) })
	if app.Type() != TypeInternal || app.NonRetryable() {
		t.Errorf("got %s, final %t", app.Type(), app.NonRetryable())
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait, next time.Duration
		final      bool
	}{
		{0, 0, false}, {90 * time.Second, 90 * time.Second, false}, {time.Hour, time.Hour, false}, {2 * time.Hour, 0, true},
	} {
		cause := &etf.Error{Kind: etf.KindRateLimited, Message: "busy", RetryAfter: c.wait}
		app := translate(t, func(ctx context.Context) error { return failSource(ctx, "yahoo", cause) })
		if app.NextRetryDelay() != c.next || app.NonRetryable() != c.final {
			t.Errorf("asked to wait %s: next in %s, final %t", c.wait, app.NextRetryDelay(), app.NonRetryable())
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	app := translate(t, func(ctx context.Context) error {
		return fail(ctx, etf.Invalid(strings.Repeat("f", 900), strings.Repeat("é", 900), strings.Repeat("r", 900)))
	})
	var detail ErrorDetail
	if err := app.Details(&detail); err != nil || len(app.Message()) > errorText || len(detail.Field) > 100 || len(detail.Remedy) > 200 {
		t.Errorf("message %d, field %d, remedy %d bytes, %v", len(app.Message()), len(detail.Field), len(detail.Remedy), err)
	}
	if !utf8.ValidString(app.Message()) {
		t.Error("the message was cut within a character")
	}
}

func FuzzClip(f *testing.F) {
	f.Add("héllo", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 3 || n > 10_000 || !utf8.ValidString(s) {
			return // outside of what Clip is for
		}
		got := etf.Clip(s, n)
		if len(got) > n || !utf8.ValidString(got) || (len(s) <= n && got != s) {
			t.Errorf("%q clipped to %d gives %q", s, n, got)
		}
	})
}

func TestEveryErrorTypeIsDocumentedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range ErrorTypes() {
		if seen[e.Name] || e.Meaning == "" || e.Retried == "" || e.Remedy == "" {
			t.Errorf("%+v", e)
		}
		seen[e.Name] = true
	}
	for _, name := range []string{
		TypeInvalid, TypeNotFound, TypeConflict, TypeUnavailable, TypeRateLimited, TypeDenied, TypeCorrupt, TypeInternal,
		TypeSourceUnavailable, TypeSourceRateLimited, TypeSourceNotFound, TypeSourceDenied, TypeSourceCorrupt, TypeSourceInvalid,
		TypeSourceMismatch, TypeSourceFault, TypeSessionMissing, TypeNoWorker, TypeTimedOut,
	} {
		if !seen[name] {
			t.Errorf("%s is not documented", name)
		}
	}
}

// A stopping worker's activities are tried again elsewhere, whatever their own error says.
func TestStoppedContext(t *testing.T) {
	t.Parallel()
	app := translate(t, func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("shutdown"))
		return failSource(ctx, "yahoo", &etf.Error{Kind: etf.KindInvalid, Message: "context canceled"})
	})
	if app.Type() != TypeUnavailable || app.NonRetryable() {
		t.Errorf("got %s, final %t", app.Type(), app.NonRetryable())
	}
	var got error
	probe := func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(temporal.NewCanceledError())
		got = fail(ctx, &etf.Error{Kind: etf.KindUnavailable, Message: "context canceled"})
		return nil
	}
	env := newEnv(t)
	env.RegisterActivity(probe)
	if _, err := env.ExecuteActivity(probe); err != nil || !errors.Is(got, context.Canceled) {
		t.Errorf("a cancelled activity ends with %v, %v", got, err)
	}
}
