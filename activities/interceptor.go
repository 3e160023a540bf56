package activities

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

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
//   - It translates the error the activity returns into an application error of one of the types in ErrorTypes.
//   - It turns a panic into an error of TypeInternal.
type Interceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*Interceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &inbound{}
	i.Next = next
	return i
}

// inbound is the interceptor of one attempt of an activity.
type inbound struct {
	interceptor.ActivityInboundInterceptorBase
	sdk interceptor.ActivityOutboundInterceptor
}

// Init implements interceptor.ActivityInboundInterceptor.
func (i *inbound) Init(outbound interceptor.ActivityOutboundInterceptor) error {
	i.sdk = outbound
	return i.Next.Init(outbound)
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := i.sdk.GetInfo(ctx)
	p := &heartbeater{sdk: i.sdk, ctx: ctx, every: info.HeartbeatTimeout / heartbeatsPerTimeout}
	p.start()
	result, err := i.execute(context.WithValue(ctx, heartbeaterKey{}, p), in)
	if err == nil {
		p.stop(false)
		return result, nil
	}
	err = translate(ctx, err, info.Attempt)
	var app *temporal.ApplicationError
	p.stop(errors.As(err, &app) && !app.NonRetryable())
	return nil, err
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
	// finalReportTimeout limits how long sending an attempt's last report may take: the worker may be stopping.
	finalReportTimeout = 2 * time.Second
)

// Progress reports how far the activity has got. Every heartbeat carries the latest report, and the next attempt reads it
// with activity.GetHeartbeatDetails. An attempt that has reported nothing yet repeats the previous attempt's report, so
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
	reported bool                // latest is from this attempt
	beating  bool                // the first heartbeat was sent
	stopped  bool
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
	if !p.beating && !p.reported {
		p.latest = p.previous()
	}
	p.beating = true
	p.send(p.ctx)
	p.timer.Reset(p.every)
}

// previous returns the previous attempt's report, or nil if there is none.
func (p *heartbeater) previous() *converter.RawValue {
	var raw converter.RawValue
	if !p.sdk.HasHeartbeatDetails(p.ctx) || p.sdk.GetHeartbeatDetails(p.ctx, &raw) != nil || raw.Payload() == nil {
		return nil
	}
	return &raw
}

func (p *heartbeater) send(ctx context.Context) {
	if p.latest == nil {
		p.sdk.RecordHeartbeat(ctx)
		return
	}
	p.sdk.RecordHeartbeat(ctx, *p.latest)
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

// stop ends the heartbeats. With sendReport it then sends this attempt's latest report, if any, for the next attempt.
func (p *heartbeater) stop(sendReport bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if !sendReport || !p.reported {
		return
	}
	// A stopped attempt's context has ended, but its report must still be sent.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), finalReportTimeout)
	defer cancel()
	p.send(ctx)
}
