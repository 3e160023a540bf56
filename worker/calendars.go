package worker

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/interceptor"
)

// informed has this process know the newest calendars before an activity uses them. Workflows use none.
type informed struct {
	interceptor.WorkerInterceptorBase
	read func(context.Context) error
	log  *slog.Logger
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (i *informed) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	a := &informedActivity{informed: i}
	a.Next = next
	return a
}

type informedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	informed *informed
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor. If the changes can't be read, the activity runs with those that are
// known: one that needs the database fails by itself.
func (a *informedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if err := a.informed.read(ctx); err != nil && ctx.Err() == nil {
		a.informed.log.Warn("changes of calendars not read", "error", err)
	}
	return a.Next.ExecuteActivity(ctx, in)
}
