package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/etfcast/etfcast/etf"
)

// Interceptor does what every activity would otherwise have to do itself. A worker that runs this package's activities
// must install it.
//
//   - It heartbeats at a quarter of the activity's heartbeat timeout until the activity returns, with the latest
//     Progress. Heartbeats let the server notice within seconds that a worker was killed, instead of waiting for the
//     start-to-close timeout, and they bring cancellations to the activity's context. Without a heartbeat timeout there
//     are no heartbeats.
//   - It translates the error the activity returns into an application error of one of the types in ErrorTypes, counts the
//     failure, and decides whether and when there is another attempt.
//   - It turns a panic into an error of TypeInternal.
//   - It ends the activity's context shortly before its start-to-close timeout. An attempt that uses all of its time is
//     TypeTimedOut, and final the third time, unless the database does not answer.
type Interceptor struct {
	interceptor.WorkerInterceptorBase

	// Ping reports whether the database answers. Nil means that it does.
	Ping func(context.Context) error
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (w *Interceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &inbound{ping: w.Ping}
	i.Next = next
	return i
}

// inbound is the interceptor of one attempt of an activity.
type inbound struct {
	interceptor.ActivityInboundInterceptorBase
	sdk  interceptor.ActivityOutboundInterceptor
	ping func(context.Context) error
}

// Init implements interceptor.ActivityInboundInterceptor.
func (i *inbound) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	i.sdk = outbound
	return i.Next.Init(outbound)
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := i.sdk.GetInfo(ctx)
	p := &heartbeater{sdk: i.sdk, ctx: ctx, every: info.HeartbeatTimeout / heartbeatsPerTimeout, spent: spent{}}
	if info.Attempt > 1 {
		p.resume()
	}
	if n := p.spent[overrun]; n >= timedOutAttempts { // the last attempt did not even end when its time did
		return nil, p.spent.appError(errTooSlow, translation{TypeTimedOut, overrun}, info.Attempt, false)
	}
	p.start()
	limited, cancel := limit(ctx, info, p)
	defer cancel()
	result, err := i.execute(context.WithValue(limited, heartbeaterKey{}, p), in)
	if err == nil {
		p.stop(false)
		return result, nil
	}
	overran := errors.Is(context.Cause(limited), errOverran) && i.answers(ctx)
	err = p.fail(limited, err, info.Attempt, overran)
	var app *temporal.ApplicationError
	p.stop(errors.As(err, &app) && !app.NonRetryable())
	return nil, err
}

// limit ends the context while there is still time to report that the attempt has used all of it. That takes as long as
// the heartbeat timeout, because the SDK may hold heartbeats back until then. An attempt that gets less than the whole
// start-to-close timeout, because the time for all attempts ends, is not cut short.
func limit(ctx context.Context, info activity.Info, p *heartbeater) (context.Context, context.CancelFunc) {
	whole := info.StartToCloseTimeout
	if whole <= 0 || info.Deadline.Before(info.StartedTime.Add(whole-time.Second)) {
		return ctx, func() {}
	}
	reserve := whole / 10
	if info.HeartbeatTimeout > 0 {
		reserve = min(info.HeartbeatTimeout, whole/4)
	}
	limited, cancel := context.WithDeadlineCause(ctx, info.Deadline.Add(-reserve), errOverran)
	stop := context.AfterFunc(limited, func() {
		if errors.Is(context.Cause(limited), errOverran) {
			p.overran()
		}
	})
	return limited, func() { stop(); cancel() }
}

// answers reports whether the database answers.
func (i *inbound) answers(ctx context.Context) bool {
	if i.ping == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return i.ping(ctx) == nil
}

// execute runs the activity and recovers from a panic, which would otherwise reach the workflow without one of our types.
func (i *inbound) execute(ctx context.Context, in *interceptor.ExecuteActivityInput) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			i.sdk.GetLogger(ctx).Error("activity panicked", "panic", r, "stack", string(debug.Stack()))
			err = &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("the activity panicked: %v", r)}
		}
	}()
	return i.Next.ExecuteActivity(ctx, in)
}

const (
	// heartbeatsPerTimeout tolerates three late or lost heartbeats.
	heartbeatsPerTimeout = 4
	// pingTimeout is how soon a database that is there answers.
	pingTimeout = 5 * time.Second
	// finalReportTimeout limits how long sending an attempt's last report may take: the worker may be stopping.
	finalReportTimeout = 2 * time.Second
)

// Progress reports how far the activity has got. Every heartbeat carries the latest report, and the next attempt reads it
// with activity.GetHeartbeatDetails; it is zero if only failures were reported. An attempt that has reported nothing yet repeats the previous attempt's report, so
// that no heartbeat erases progress. details is encoded immediately and may be modified afterwards; nil reports nothing.
// Progress panics if details can't be encoded, as the SDK does. Without Interceptor, it does nothing.
//
// An attempt that fails and will be retried sends its latest report. An attempt that dies with its process leaves only
// what was already sent. Reports made before the first heartbeat wait for it, because nearly all activities finish before
// then and a heartbeat is a write to Temporal's database. After that the SDK sends a report at once, and the latest of
// those that follow once four fifths of the heartbeat timeout have passed.
func Progress(ctx context.Context, details any) {
	if p, ok := ctx.Value(heartbeaterKey{}).(*heartbeater); ok && details != nil {
		p.report(details)
	}
}

type heartbeaterKey struct{}

// heartbeater heartbeats for one attempt of an activity. It uses a timer, not a goroutine, so that an activity that
// finishes before the first heartbeat, as nearly all do, costs next to nothing.
type heartbeater struct {
	sdk   interceptor.ActivityOutboundInterceptor
	ctx   context.Context // the attempt's
	every time.Duration   // 0: never

	mu       sync.Mutex // also held while sending, so that an older report never overtakes a newer one
	timer    *time.Timer
	latest   *converter.RawValue // what heartbeats carry; nil if nothing was ever reported
	spent    spent               // heartbeats carry it too, if it is not empty
	before   spent               // as of the start of this attempt
	overtime bool                // spent already counts this attempt as an overrun
	ended    bool                // the activity has returned an error
	reported bool                // latest is from this attempt
	beating  bool                // the first heartbeat was sent
	stopped  bool
}

// resume reads what the previous attempt reported.
func (p *heartbeater) resume() {
	var raw converter.RawValue
	s := spent{}
	if !p.sdk.HasHeartbeatDetails(p.ctx) || p.sdk.GetHeartbeatDetails(p.ctx, &raw, &s) != nil {
		return
	}
	if raw.Payload() != nil && string(raw.Payload().GetMetadata()[converter.MetadataEncoding]) != converter.MetadataEncodingNil {
		p.latest = &raw
	}
	if s != nil {
		p.spent, p.before = s, maps.Clone(s)
	}
}

// overran counts this attempt as one that has used all of its time, before it has ended: it may never end.
func (p *heartbeater) overran() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.stopped {
		return
	}
	p.overtime, p.beating = true, true
	p.spent[overrun]++
	p.send(context.WithoutCancel(p.ctx))
}

// fail counts the failure of this attempt and translates its error. overran: it used all of its time, and the database was
// not the reason.
func (p *heartbeater) fail(ctx context.Context, err error, attempt int32, overran bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.overtime {
		p.spent[overrun]--
	}
	return p.spent.translate(ctx, err, attempt, overran)
}

func (p *heartbeater) start() {
	if p.every <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.every, p.beat)
}

func (p *heartbeater) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.ctx.Err() != nil {
		return
	}
	p.beating = true
	p.send(p.ctx)
	p.timer.Reset(p.every)
}

func (p *heartbeater) send(ctx context.Context) {
	switch {
	case len(p.spent) > 0 && p.latest == nil:
		p.sdk.RecordHeartbeat(ctx, nil, p.spent)
	case len(p.spent) > 0:
		p.sdk.RecordHeartbeat(ctx, *p.latest, p.spent)
	case p.latest == nil:
		p.sdk.RecordHeartbeat(ctx)
	default:
		p.sdk.RecordHeartbeat(ctx, *p.latest)
	}
}

func (p *heartbeater) report(details any) {
	payload, err := converter.GetDefaultDataConverter().ToPayload(details)
	if err != nil {
		panic(fmt.Errorf("encoding an activity's progress: %w", err))
	}
	raw := converter.NewRawValue(payload)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	p.latest, p.reported = &raw, true
	if p.beating {
		p.send(p.ctx)
	}
}

// stop ends the heartbeats. With sendReport it then sends this attempt's latest report and what it spent, if anything, for
// the next attempt.
func (p *heartbeater) stop(sendReport bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if !sendReport || (!p.reported && maps.Equal(p.spent, p.before)) {
		return
	}
	// A stopped attempt's context has ended, but its report must still be sent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), finalReportTimeout)
	defer cancel()
	p.send(ctx)
}
