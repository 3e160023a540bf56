package activities

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// fakeSDK is the part of the SDK that an activity sees. It keeps the heartbeats.
type fakeSDK struct {
	interceptor.ActivityOutboundInterceptorBase
	timeout  time.Duration // of heartbeats
	previous any           // what the previous attempt reported; nil = nothing
	spent    spent         // by the previous attempts
	whole    time.Duration // the start-to-close timeout
	start    time.Time
	ping     func(context.Context) error

	mu    sync.Mutex
	beats []string // "5s 3": the time since the start, and the details
}

func (s *fakeSDK) GetInfo(context.Context) activity.Info {
	info := activity.Info{HeartbeatTimeout: s.timeout, Attempt: 2, StartToCloseTimeout: s.whole, StartedTime: s.start}
	if s.whole > 0 {
		info.Deadline = s.start.Add(s.whole)
	}
	return info
}

func (s *fakeSDK) GetLogger(context.Context) log.Logger { return quiet{} }

func (s *fakeSDK) HasHeartbeatDetails(context.Context) bool {
	return s.previous != nil || s.spent != nil
}

func (s *fakeSDK) GetHeartbeatDetails(_ context.Context, to ...any) error {
	details := []any{s.previous}
	if s.spent != nil {
		details = append(details, s.spent)
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(details...)
	if err != nil {
		return err
	}
	return converter.GetDefaultDataConverter().FromPayloads(payloads, to...)
}

func (s *fakeSDK) RecordHeartbeat(ctx context.Context, details ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	beat := time.Since(s.start).String()
	for _, d := range details {
		raw, ok := d.(converter.RawValue)
		if !ok {
			text, _ := json.Marshal(d)
			beat += " " + string(text)
			continue
		}
		beat += " " + string(raw.Payload().GetData())
	}
	if ctx.Err() != nil {
		beat += " on an ended context"
	}
	s.beats = append(s.beats, beat)
}

// body is an activity for the interceptor to run.
type body struct {
	interceptor.ActivityInboundInterceptorBase
	run func(context.Context) (any, error)
}

func (b *body) Init(interceptor.ActivityOutboundInterceptor) error { return nil }

func (b *body) ExecuteActivity(ctx context.Context, _ *interceptor.ExecuteActivityInput) (any, error) {
	return b.run(ctx)
}

// intercept runs an activity and, a minute after it ends, returns its heartbeats and its error.
func intercept(ctx context.Context, t *testing.T, sdk *fakeSDK, run func(context.Context) error) (beats []string, err error) {
	t.Helper()
	sdk.start = time.Now()
	i := (&Interceptor{Ping: sdk.ping}).InterceptActivity(ctx, &body{run: func(ctx context.Context) (any, error) { return "partial", run(ctx) }})
	if err := i.Init(sdk); err != nil {
		t.Fatal(err)
	}
	result, err := i.ExecuteActivity(ctx, nil)
	if (result == nil) != (err != nil) {
		t.Errorf("the result is %v, the error %v", result, err)
	}
	time.Sleep(time.Minute)
	sdk.mu.Lock()
	defer sdk.mu.Unlock()
	return sdk.beats, err
}

func TestHeartbeats(t *testing.T) {
	for _, c := range []struct {
		name string
		sdk  *fakeSDK
		run  func(context.Context) error
		want []string
	}{
		{"at a quarter of the timeout", &fakeSDK{timeout: 20 * time.Second}, nap(21), []string{"5s", "10s", "15s", "20s"}},
		{"at a quarter of another timeout", &fakeSDK{timeout: 40 * time.Second}, nap(21), []string{"10s", "20s"}},
		{"no timeout", &fakeSDK{}, nap(21), nil},
		{"done before the first", &fakeSDK{timeout: 20 * time.Second}, nap(4), nil},
		{"the previous attempt's report", &fakeSDK{timeout: 20 * time.Second, previous: map[string]int{"rows": 3}}, nap(11), []string{`5s {"rows":3}`, `10s {"rows":3}`}},
		{"the latest report", &fakeSDK{timeout: 20 * time.Second, previous: 3}, func(ctx context.Context) error {
			Progress(ctx, 4) // waits for the first heartbeat
			Progress(ctx, 5)
			time.Sleep(7 * time.Second)
			Progress(ctx, 6) // the SDK decides when to send it
			Progress(ctx, nil)
			time.Sleep(4 * time.Second)
			return nil
		}, []string{"5s 5", "7s 6", "10s 6"}},
		{"a report on a context that has ended", &fakeSDK{timeout: 20 * time.Second}, func(ctx context.Context) error {
			part, cancel := context.WithCancel(ctx)
			cancel()
			time.Sleep(6 * time.Second)
			Progress(part, 1)
			return nil
		}, []string{"5s", "6s 1"}},
		{"a report modified afterwards", &fakeSDK{timeout: 20 * time.Second}, func(ctx context.Context) error {
			report := []int{1, 2}
			Progress(ctx, report)
			report[0] = 9
			return nap(6)(ctx)
		}, []string{"5s [1,2]"}},
		{"a report after the activity", &fakeSDK{timeout: 20 * time.Second}, func(ctx context.Context) error {
			time.AfterFunc(7*time.Second, func() { Progress(ctx, 1) })
			return nap(6)(ctx)
		}, []string{"5s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if beats, err := intercept(t.Context(), t, c.sdk, c.run); err != nil || !slices.Equal(beats, c.want) {
					t.Errorf("%q, %v; want %q", beats, err, c.want)
				}
			})
		})
	}
}

func nap(seconds int) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(time.Duration(seconds) * time.Second)
		return nil
	}
}

// An attempt that will be retried sends its latest report when it ends, before the first heartbeat too.
func TestFailedAttemptsSendTheirReport(t *testing.T) {
	busy, wrong := &etf.Error{Kind: etf.KindUnavailable, Message: "busy"}, etf.Invalid("x", "wrong", "")
	for _, c := range []struct {
		name   string
		report any
		err    error
		stop   error // what ends the context, if anything
		want   []string
	}{
		{"retried", 4, busy, nil, []string{"1s 4"}},
		{"nothing to report", nil, busy, nil, nil},
		{"final", 4, wrong, nil, nil},
		{"success", 4, nil, nil, nil},
		{"cancelled by the workflow", 4, busy, temporal.NewCanceledError(), nil},
		{"stopped with the worker", 4, wrong, errors.New("shutdown"), []string{"1s 4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				sdk := &fakeSDK{timeout: 20 * time.Second, previous: 3}
				beats, _ := intercept(ctx, t, sdk, func(ctx context.Context) error {
					time.Sleep(time.Second)
					Progress(ctx, c.report)
					if c.stop != nil {
						stop(c.stop)
					}
					return c.err
				})
				if !slices.Equal(beats, c.want) {
					t.Errorf("%q, want %q", beats, c.want)
				}
			})
		})
	}
}

// What the attempts have spent reaches the next one with every heartbeat, and as soon as an attempt has failed.
func TestHeartbeatsCarryWhatIsSpent(t *testing.T) {
	busy := &sourceError{source: "x", err: &etf.Error{Kind: etf.KindUnavailable, Message: "503"}}
	down := &etf.Error{Kind: etf.KindUnavailable, Message: "the database is down"}
	for _, c := range []struct {
		name     string
		previous any
		spent    spent
		report   any
		err      error
		want     []string
	}{
		{"the first refusal", nil, nil, nil, busy, []string{"5s", `6s null {"refusal":1}`}},
		{"the second", nil, spent{refusal: 1}, nil, busy, []string{`5s null {"refusal":1}`, `6s null {"refusal":2}`}},
		{"an outage", nil, spent{refusal: 1}, nil, down, []string{`5s null {"refusal":1}`}},
		{"with progress", 3, spent{refusal: 1}, nil, busy, []string{`5s 3 {"refusal":1}`, `6s 3 {"refusal":2}`}},
		{"with new progress", 3, spent{refusal: 1}, 4, busy, []string{`5s 4 {"refusal":1}`, `6s 4 {"refusal":2}`}},
		{"the last", nil, spent{refusal: 3}, nil, busy, []string{`5s null {"refusal":3}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sdk := &fakeSDK{timeout: 20 * time.Second, previous: c.previous, spent: c.spent}
				beats, _ := intercept(t.Context(), t, sdk, func(ctx context.Context) error {
					Progress(ctx, c.report)
					time.Sleep(6 * time.Second)
					return c.err
				})
				if !slices.Equal(beats, c.want) {
					t.Errorf("%q, want %q", beats, c.want)
				}
			})
		})
	}
}

// An attempt that uses all of its time is counted, before it has even ended, and the third is final. While the database
// does not answer, none counts.
func TestOverruns(t *testing.T) {
	untilTheEnd := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	never := func(context.Context) error { time.Sleep(10 * time.Minute); return errors.New("too late") }
	for _, c := range []struct {
		name     string
		run      func(context.Context) error
		spent    spent
		ping     error
		wantType string
		final    bool
		beats    []string // those with something spent
	}{
		{"the first", untilTheEnd, nil, nil, TypeTimedOut, false, []string{`1m40s null {"timeout":1}`}},
		{"the third", untilTheEnd, spent{overrun: 2}, nil, TypeTimedOut, true, nil},
		{"the database is away", untilTheEnd, nil, errors.New("no answer"), TypeUnavailable, false, nil},
		{"it never ends", never, nil, nil, TypeTimedOut, false, []string{`1m40s null {"timeout":1}`}},
		{"after three that never ended", never, spent{overrun: 3}, nil, TypeTimedOut, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sdk := &fakeSDK{timeout: 20 * time.Second, whole: 2 * time.Minute, spent: c.spent, ping: func(context.Context) error { return c.ping }}
				beats, err := intercept(t.Context(), t, sdk, c.run)
				var app *temporal.ApplicationError
				if !errors.As(err, &app) || app.Type() != c.wantType || app.NonRetryable() != c.final {
					t.Errorf("ended with %v", err)
				}
				beats = slices.Compact(slices.DeleteFunc(beats, func(b string) bool { return !strings.HasPrefix(b, "1m40s null") }))
				// Whether the overrun is reported before the attempt returns is a race; that it is taken back is not.
				if c.ping != nil && len(beats) > 0 && beats[len(beats)-1] != `1m40s null {"timeout":0}` {
					t.Errorf("an overrun that was an outage is still reported: %q", beats)
				}
				if c.beats != nil && !slices.Equal(beats, c.beats) {
					t.Errorf("%q, want %q", beats, c.beats)
				}
			})
		})
	}
}

// No heartbeat is sent after the context has ended.
func TestHeartbeatsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		sdk := &fakeSDK{timeout: 20 * time.Second}
		beats, _ := intercept(ctx, t, sdk, func(context.Context) error {
			time.Sleep(6 * time.Second)
			cancel()
			time.Sleep(30 * time.Second) // cleanup
			return nil
		})
		if !slices.Equal(beats, []string{"5s"}) {
			t.Errorf("got %q", beats)
		}
	})
}

func TestPanicsAreInternal(t *testing.T) {
	for name, run := range map[string]func(context.Context) error{
		"index out of range": func(context.Context) error { panic("index out of range") },
		"progress":           func(ctx context.Context) error { Progress(ctx, func() {}); return nil },
	} {
		probe := func(ctx context.Context) error { return run(ctx) }
		env := newEnv(t)
		env.RegisterActivity(probe)
		_, err := env.ExecuteActivity(probe)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || app.Type() != TypeInternal || app.NonRetryable() || !strings.HasPrefix(app.Message(), "the activity panicked: ") ||
			!strings.Contains(app.Message(), name) {
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}

func TestProgressOutsideAnActivity(t *testing.T) {
	Progress(t.Context(), 1) // must not panic
}

// Workflows call activities by their methods' names, and the names are in histories.
func TestWireNames(t *testing.T) {
	var got []string
	for _, s := range []any{&Fetching{}, &Validating{}, &Persisting{}, &Forecasting{}, &Deciding{}, &DecidingActions{}, &Recording{}, &Planning{}} {
		for m := range reflect.TypeOf(s).Methods() {
			got = append(got, m.Name)
		}
	}
	want := []string{"Fetch", "Validate", "Persist", "Forecast", "Decide", "FindingState", "NewestSession", "DecideAction", "BeginRun", "FinishRun", "RecordOutcomes", "AwaitRun", "DueETFs", "SessionsDue"}
	if !slices.Equal(got, want) {
		t.Errorf("the activities are %v, want %v", got, want)
	}
}

// BenchmarkInterceptor measures what the interceptor adds to an activity that does nothing.
func BenchmarkInterceptor(b *testing.B) {
	for _, c := range []struct {
		name string
		err  error
	}{{"success", nil}, {"error", &etf.Error{Kind: etf.KindUnavailable, Message: "down"}}} {
		nothing := &body{run: func(context.Context) (any, error) { return nil, c.err }}
		b.Run(c.name+"/without", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = nothing.ExecuteActivity(b.Context(), nil)
			}
		})
		b.Run(c.name+"/with", func(b *testing.B) {
			sdk := &fakeSDK{timeout: 20 * time.Second}
			b.ReportAllocs()
			for b.Loop() {
				i := (&Interceptor{}).InterceptActivity(b.Context(), nothing)
				_ = i.Init(sdk)
				_, _ = i.ExecuteActivity(b.Context(), nil)
			}
		})
	}
}
