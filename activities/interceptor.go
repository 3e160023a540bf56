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

// Interceptor does for every activity what each would otherwise have to do by itself. A worker that runs activities of
// this package installs it.
//
//   - It heartbeats at a quarter of the activity's heartbeat timeout until the activity returns, with the latest
//     Progress. That is how the activities of a killed worker are missed within seconds instead of after their whole
//     allowance, and how an activity's context learns of a cancellation. Without a heartbeat timeout there are no
//     heartbeats.
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
	p := &pulse{sdk: i.sdk, ctx: ctx, every: info.HeartbeatTimeout / beatsPerTimeout}
	p.start()
	result, err := i.execute(context.WithValue(ctx, pulseKey{}, p), in)
	if err == nil {
		p.stop(false)
		return result, nil
	}
	err = translate(ctx, err, info.Attempt)
	var app *temporal.ApplicationError
	p.stop(errors.As(err, &app) && !app.NonRetryable())
	return nil, err
}

// execute runs the activity and recovers from its panic, which would reach the workflow without a type of ours.
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
	// beatsPerTimeout leaves room for three heartbeats that are late or lost.
	beatsPerTimeout = 4
	// lastReport bounds the sending of an attempt's last report, which may be from a worker whose time is up.
	lastReport = 2 * time.Second
)

// Progress reports how far the activity is. Every heartbeat carries the latest report, and the next attempt reads it
// with activity.GetHeartbeatDetails. An attempt that has reported nothing yet passes on what the one before reported, so
// that no heartbeat erases progress. details is encoded at once and may change afterwards; nil reports nothing. A value
// that can't be encoded panics, as it does in the SDK. Without Interceptor, Progress does nothing.
//
// An attempt that fails and will be tried again hands its latest report on. One that dies with its process leaves behind
// what was sent: until the first heartbeat reports wait for it, because nearly all activities are done before and a
// heartbeat is a write in Temporal's database; from then on the SDK sends one at once, and the latest of those that
// follow when four fifths of the heartbeat timeout have passed.
func Progress(ctx context.Context, details any) {
	if p, ok := ctx.Value(pulseKey{}).(*pulse); ok && details != nil {
		p.report(details)
	}
}

type pulseKey struct{}

// pulse heartbeats for one attempt of an activity. It is a timer and not a goroutine: an activity that is done before
// the first heartbeat, as nearly all are, costs next to nothing.
type pulse struct {
	sdk   interceptor.ActivityOutboundInterceptor
	ctx   context.Context // the attempt's
	every time.Duration   // 0: never

	mu       sync.Mutex // also held while sending, so that no older report overtakes a newer one
	timer    *time.Timer
	latest   *converter.RawValue // what heartbeats carry; nil while nothing was ever reported
	reported bool                // latest is this attempt's
	beating  bool                // the first heartbeat has been
	stopped  bool
}

func (p *pulse) start() {
	if p.every <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(p.every, p.beat)
}

func (p *pulse) beat() {
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

// previous returns what the attempt before reported; nil if that was nothing.
func (p *pulse) previous() *converter.RawValue {
	var raw converter.RawValue
	if !p.sdk.HasHeartbeatDetails(p.ctx) || p.sdk.GetHeartbeatDetails(p.ctx, &raw) != nil || raw.Payload() == nil {
		return nil
	}
	return &raw
}

func (p *pulse) send(ctx context.Context) {
	if p.latest == nil {
		p.sdk.RecordHeartbeat(ctx)
		return
	}
	p.sdk.RecordHeartbeat(ctx, *p.latest)
}

func (p *pulse) report(details any) {
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

// stop ends the heartbeats; none follows. handOn sends what this attempt reported to the next one.
func (p *pulse) stop(handOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if !handOn || !p.reported {
		return
	}
	// The context of an attempt that was stopped has ended, and its report is wanted all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), lastReport)
	defer cancel()
	p.send(ctx)
}
