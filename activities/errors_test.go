package activities

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/etfcast/etfcast/etf"
)

// seenAs returns what a workflow sees of an error that an activity returns.
func seenAs(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	probe := func(context.Context) error { return err }
	env := newEnv(t)
	env.RegisterActivity(probe)
	_, err = env.ExecuteActivity(probe)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		t.Fatalf("not an application error: %v", err)
	}
	return app
}

func TestKindsBecomeTypes(t *testing.T) {
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
		cause := fmt.Errorf("reading: %w", &etf.Error{Kind: c.kind, Field: "SPY.csv:17", Message: "bad", Remedy: "correct it"})
		app := seenAs(t, cause)
		if app.Type() != c.store || app.NonRetryable() != c.storeEnds {
			t.Errorf("%s of the store became %s, final %t", c.kind, app.Type(), app.NonRetryable())
		}
		var detail ErrorDetail
		if err := app.Details(&detail); err != nil || detail != (ErrorDetail{Attempt: 1, Field: "SPY.csv:17", Remedy: "correct it"}) {
			t.Errorf("%s carries %+v, %v", c.kind, detail, err)
		}
		app = seenAs(t, &sourceError{source: "yahoo", err: cause})
		if app.Type() != c.source || app.NonRetryable() != c.sourceEnd || !strings.HasPrefix(app.Message(), "yahoo: ") {
			t.Errorf("%s of a source became %s, final %t: %s", c.kind, app.Type(), app.NonRetryable(), app.Message())
		}
		if !IsSourceError(app.Type()) {
			t.Errorf("after %s the next source is not tried", app.Type())
		}
	}
}

func TestErrorsWithoutAKindAreInternal(t *testing.T) {
	for _, err := range []error{errors.New("boom"), &etf.Error{Message: "boom"}, &etf.Error{Kind: "new", Message: "boom"}} {
		if app := seenAs(t, err); app.Type() != TypeInternal || app.NonRetryable() || app.Message() != "boom" {
			t.Errorf("%#v: %s, final %t: %s", err, app.Type(), app.NonRetryable(), app.Message())
		}
	}
	if app := seenAs(t, &sourceError{source: "yahoo", err: errors.New("boom")}); app.Type() != TypeSourceFault || !app.NonRetryable() {
		t.Errorf("of a source: %s, final %t", app.Type(), app.NonRetryable())
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, c := range []struct {
		wait, next time.Duration
		final      bool
	}{
		{0, 2 * time.Second, false}, {90 * time.Second, 90 * time.Second, false}, {time.Hour, time.Hour, false}, {2 * time.Hour, 0, true},
	} {
		cause := &etf.Error{Kind: etf.KindRateLimited, Message: "busy", RetryAfter: c.wait}
		app := seenAs(t, &sourceError{source: "yahoo", err: cause})
		if app.NextRetryDelay() != c.next || app.NonRetryable() != c.final {
			t.Errorf("Retry-After %s: next attempt in %s, final %t", c.wait, app.NextRetryDelay(), app.NonRetryable())
		}
	}
}

// A source that asks to wait beyond the time the update has is not waited for. A short wait is always possible.
func TestNoWaitBeyondTheNextClose(t *testing.T) {
	for _, c := range []struct {
		left, wait time.Duration
		final      bool
	}{
		{time.Hour, 50 * time.Minute, false}, {time.Hour, 61 * time.Minute, true}, {10 * time.Minute, 50 * time.Minute, true}, {-time.Hour, 50 * time.Second, false},
	} {
		for _, kind := range []etf.Kind{etf.KindRateLimited, etf.KindUnavailable} {
			app := seenAs(t, &sourceError{source: "yahoo", until: fridayEvening.Add(c.left), now: fridayEvening, err: &etf.Error{Kind: kind, Message: "busy", RetryAfter: c.wait}})
			if app.NonRetryable() != c.final || !strings.HasPrefix(app.Type(), "Source"+map[etf.Kind]string{etf.KindRateLimited: "Rate", etf.KindUnavailable: "Unavail"}[kind]) {
				t.Errorf("%s with %s left and a wait of %s: %s, final %t", kind, c.left, c.wait, app.Type(), app.NonRetryable())
			}
		}
	}
}

func TestMessagesAreBounded(t *testing.T) {
	app := seenAs(t, etf.Invalid(strings.Repeat("f", 900), strings.Repeat("é", 900), strings.Repeat("r", 900)))
	var detail ErrorDetail
	if err := app.Details(&detail); err != nil || len(app.Message()) > errorText || len(detail.Field) > 100 || len(detail.Remedy) > 200 {
		t.Errorf("message %d, field %d, remedy %d bytes, %v", len(app.Message()), len(detail.Field), len(detail.Remedy), err)
	}
	if !utf8.ValidString(app.Message()) {
		t.Error("the message was cut in the middle of a character")
	}
}

// What a provider writes into its response reaches Temporal, and so run_etfs, the Web UI and every log, without a character that acts on a
// terminal, and on one line.
func TestMessagesArePrintable(t *testing.T) {
	hostile := "\x1b]0;owned\a\x1b[2J\r\n\u009b31m \u202elanif"
	app := seenAs(t, &sourceError{source: "yahoo", err: &etf.Error{Kind: etf.KindDenied, Field: hostile, Message: hostile, Remedy: hostile, Err: errors.New(hostile)}})
	var detail ErrorDetail
	if err := app.Details(&detail); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{app.Message(), detail.Field, detail.Remedy} {
		if !strings.Contains(text, "owned") || strings.ContainsAny(text, "\x1b\a\r\n\u009b\u202e") {
			t.Errorf("%q", text)
		}
	}
}

// declaredTypes reads the constants Type... from this package's source and returns their values by name.
func declaredTypes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if group, ok := decl.(*ast.GenDecl); ok && group.Tok == token.CONST {
				for _, spec := range group.Specs {
					constant := spec.(*ast.ValueSpec)
					for i, name := range constant.Names {
						if !strings.HasPrefix(name.Name, "Type") {
							continue
						}
						value, err := strconv.Unquote(constant.Values[i].(*ast.BasicLit).Value)
						if err != nil {
							t.Fatalf("%s: %v", name.Name, err)
						}
						declared[name.Name] = value
					}
				}
			}
		}
	}
	return declared
}

func TestEveryErrorTypeIsDocumentedOnce(t *testing.T) {
	documented := map[string]bool{}
	for _, e := range ErrorTypes() {
		if documented[e.Name] || e.Meaning == "" || e.Retried == "" || e.Remedy == "" {
			t.Errorf("%+v", e)
		}
		documented[e.Name] = true
	}
	declared := declaredTypes(t)
	for name, value := range declared {
		if name != "Type"+value {
			t.Errorf("%s is called %s in histories", name, value)
		}
		if !documented[value] {
			t.Errorf("%s is not documented", name)
		}
		if ofSource := strings.HasPrefix(name, "TypeSource"); IsSourceError(value) != ofSource {
			t.Errorf("after %s the next source is tried: %t", name, !ofSource)
		}
	}
	if len(documented) != len(declared) {
		t.Errorf("%d types are documented and %d declared", len(documented), len(declared))
	}
}

// stopper ends an activity's context when stop is called, as the SDK does, and keeps the error the activity ended with:
// the test environment does not know about the stop and would turn a cancellation into a failure.
type stopper struct {
	interceptor.WorkerInterceptorBase
	stop context.CancelCauseFunc
	err  error
}

func (s *stopper) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &stoppable{stopper: s}
	i.Next = next
	return i
}

type stoppable struct {
	interceptor.ActivityInboundInterceptorBase
	stopper *stopper
}

func (s *stoppable) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx, s.stopper.stop = context.WithCancelCause(ctx)
	var result any
	result, s.stopper.err = s.Next.ExecuteActivity(ctx, in)
	return result, s.stopper.err
}

// stoppableEnv is newEnv with activities that can be stopped.
func stoppableEnv(t *testing.T, structs ...any) (*testsuite.TestActivityEnvironment, *stopper) {
	t.Helper()
	s := &stopper{}
	env := newEnv(t, structs...)
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{s, &Interceptor{}}})
	return env, s
}

// Activities of a stopping worker are retried elsewhere, whatever error they return, and a cancelled one ends as
// cancelled.
func TestStoppedContext(t *testing.T) {
	invalid := &etf.Error{Kind: etf.KindInvalid, Message: "context canceled"}
	for _, c := range []struct {
		name   string
		cause  error
		err    error
		wanted func(error) bool
	}{
		{"worker, store", errors.New("shutdown"), invalid, isStopping},
		{"worker, source", errors.New("shutdown"), &sourceError{source: "yahoo", err: invalid}, isStopping},
		{"worker, application error", errors.New("shutdown"), temporal.NewNonRetryableApplicationError("no", TypeInvalid, nil), isStopping},
		{"workflow", temporal.NewCanceledError(), invalid, isCancelled},
		{"worker, but the activity succeeded", errors.New("shutdown"), nil, func(err error) bool { return err == nil }},
	} {
		env, stopper := stoppableEnv(t)
		probe := func(context.Context) error {
			stopper.stop(c.cause)
			return c.err
		}
		env.RegisterActivity(probe)
		_, _ = env.ExecuteActivity(probe)
		if !c.wanted(stopper.err) {
			t.Errorf("%s: ended with %v", c.name, stopper.err)
		}
	}
}

func isCancelled(err error) bool { return errors.Is(err, context.Canceled) }

func isStopping(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == TypeUnavailable && !app.NonRetryable() && app.Message() == "the worker is stopping"
}

func TestOutOfTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	var app *temporal.ApplicationError
	if err := (spent{}).translate(ctx, errors.New("boom"), 3, false); !errors.As(err, &app) || app.Type() != TypeUnavailable || app.NonRetryable() ||
		app.Message() != "the activity ran out of time" {
		t.Errorf("got %v", err)
	}
}

// An application error is not translated again.
func TestApplicationErrorsStay(t *testing.T) {
	app := seenAs(t, fmt.Errorf("asking: %w", temporal.NewNonRetryableApplicationError("no", TypeDenied, nil, ErrorDetail{Attempt: 7})))
	var detail ErrorDetail
	if err := app.Details(&detail); err != nil || app.Type() != TypeDenied || !app.NonRetryable() || app.Message() != "no" || detail.Attempt != 7 {
		t.Errorf("got %s %q, final %t, %+v, %v", app.Type(), app.Message(), app.NonRetryable(), detail, err)
	}
}

// How many failures of each kind an activity is allowed. Attempts that failed for another reason don't count.
func TestAttempts(t *testing.T) {
	for _, c := range []struct {
		err   error
		final int32 // the failure that is final; 0: none
	}{
		{&etf.Error{Kind: etf.KindUnavailable}, 0}, {&etf.Error{Kind: etf.KindRateLimited}, 0}, {&etf.Error{Kind: etf.KindConflict}, 20},
		{errors.New("boom"), 3}, {&etf.Error{Kind: etf.KindInvalid}, 1},
		{&sourceError{source: "x", err: &etf.Error{Kind: etf.KindUnavailable}}, SourceAttempts},
		{&sourceError{source: "x", err: &etf.Error{Kind: etf.KindRateLimited}}, SourceAttempts},
	} {
		s := spent{}
		for failure := int32(1); failure <= 25; failure++ {
			const outages = 1000
			var app *temporal.ApplicationError
			if err := s.translate(t.Context(), c.err, outages+failure, false); !errors.As(err, &app) || app.NonRetryable() != (c.final > 0 && failure >= c.final) {
				t.Errorf("%v: failure %d is final: %t", c.err, failure, app.NonRetryable())
			}
		}
	}
}

// The waits after each failure, which do not depend on how many attempts failed for another reason.
func TestPauses(t *testing.T) {
	refused := &sourceError{source: "x", err: &etf.Error{Kind: etf.KindUnavailable}}
	down := &etf.Error{Kind: etf.KindUnavailable}
	for _, c := range []struct {
		name   string
		errs   []error // of the attempts, in order
		before int32   // attempts before those, all lost to the database or a crash
		want   []time.Duration
	}{
		{"source", []error{refused, refused, refused}, 0, []time.Duration{2 * time.Second, 6 * time.Second, 18 * time.Second}},
		{"source after an outage", []error{refused, refused, refused}, 50, []time.Duration{2 * time.Second, 6 * time.Second, 18 * time.Second}},
		{"database", []error{down, down, down, down, down}, 0, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second}},
		{"database after the source", []error{refused, down, down}, 0, []time.Duration{2 * time.Second, 500 * time.Millisecond, time.Second}},
		{"a day without the database", []error{down}, 20_000, []time.Duration{4 * time.Second}},
	} {
		s := spent{}
		for i, err := range c.errs {
			var app *temporal.ApplicationError
			if err := s.translate(t.Context(), err, c.before+int32(i)+1, false); !errors.As(err, &app) || app.NextRetryDelay() != c.want[i] {
				t.Errorf("%s: the wait after attempt %d is %s, want %s", c.name, i+1, app.NextRetryDelay(), c.want[i])
			}
		}
	}
}
