package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// Activity is a finished attempt of an activity.
type Activity struct {
	Queue   string
	Name    string // the activity's type, such as "Persist"
	Attempt int32
	Took    time.Duration
	// Error is the type of the error it returned, such as "SourceUnavailable"; empty for success, "other" for errors
	// without a type.
	Error string
}

type observer struct {
	interceptor.WorkerInterceptorBase
	queue   string
	observe func(Activity)
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (o *observer) InterceptActivity(ctx context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &observedActivity{observer: o}
	i.Next = next
	return i
}

type observedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	observer *observer
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (o *observedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	start := time.Now()
	result, err := o.Next.ExecuteActivity(ctx, in)
	info := activity.GetInfo(ctx)
	o.observer.observe(Activity{
		Queue: o.observer.queue, Name: info.ActivityType.Name, Attempt: info.Attempt, Took: time.Since(start), Error: errorType(err),
	})
	return result, err
}

func errorType(err error) string {
	if err == nil {
		return ""
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return app.Type()
	}
	return "other"
}
