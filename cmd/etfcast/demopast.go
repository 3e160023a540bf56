package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/retry"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/source/simulated"
)

// pastSessions is how many closed sessions before the newest the demo forecasts afterwards: enough for scores at the longest
// horizon.
const pastSessions = 25

// past runs the sessions before the newest ones for the demo's ETFs, oldest first and behind all other runs, and prints where to see
// how those forecasts have fared. Sessions that have been run are not run again. What goes wrong is logged: the demo works
// without it.
func (p *process) past(ctx context.Context, out io.Writer, newest []etf.Run) {
	svc := p.service()
	began := time.Now()
	var sessions atomic.Int64
	var wg sync.WaitGroup
	for _, run := range newest {
		wg.Go(func() {
			if err := p.pastRuns(ctx, svc, run, func() { sessions.Add(1) }); err != nil && ctx.Err() == nil {
				p.log.Warn("the demo's earlier sessions are incomplete; the next start goes on with them", "exchange", run.Exchange, "error", err)
			}
		})
	}
	wg.Wait()
	board, err := svc.Scoreboard(ctx, service.ScoreRequest{Late: true})
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("the scoreboard can't be shown", "error", err)
		}
		return
	}
	fmt.Fprintf(out, "\n%d earlier sessions were forecast too, %.1f s later.\n", sessions.Load(), time.Since(began).Seconds())
	for _, line := range wrapped(board.Summary, 100) {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, `
  how they fared   curl -s 'http://%s/v1/scoreboard?late=true'
                   etfcast scoreboard --late
`, p.listener.Addr())
}

// pastRuns runs the sessions before that of the newest run, one after another, and calls done for each that has completed, now or
// earlier.
func (p *process) pastRuns(ctx context.Context, svc *service.Service, newest etf.Run, done func()) error {
	cal, err := calendar.For(newest.Exchange)
	if err != nil {
		return err
	}
	first, err := cal.Nth(newest.Session, -pastSessions)
	if err != nil {
		return err
	}
	symbols, err := demoSymbols(ctx, svc, newest.Exchange)
	if err != nil || len(symbols) == 0 {
		return err
	}
	for _, session := range cal.Sessions(etf.Window{From: first, To: newest.Session - 1}) {
		// A run of the whole exchange, by the schedule, has forecast these ETFs too.
		run, err := svc.Run(ctx, etf.DailyRunID(newest.Exchange, session, nil, 1))
		if err != nil || run.Status != etf.RunCompleted {
			request := service.RunRequest{
				Workflow: etf.DailyRun, Exchange: string(newest.Exchange), Session: session.String(), Symbols: symbols, Behind: true,
			}
			if err := retry.Until(ctx, p.log, retry.Limit, func(ctx context.Context) (err error) {
				run, _, err = svc.StartRun(ctx, request)
				return err
			}); err != nil {
				return err
			}
			if run, err = ended(ctx, svc, run); err != nil {
				return err
			}
		}
		if run.Status == etf.RunCompleted {
			done()
		}
	}
	return nil
}

// demoSymbols returns those of the demo's ETFs that are still simulated and not retired.
func demoSymbols(ctx context.Context, svc *service.Service, exchange etf.Exchange) ([]string, error) {
	var symbols []string
	for _, group := range demoETFs {
		for _, symbol := range group.symbols {
			if group.exchange != exchange {
				continue
			}
			e, err := svc.ETF(ctx, symbol)
			if err != nil {
				return nil, err
			}
			other := func(r etf.SourceRef) bool { return r.Name != simulated.Name }
			if !e.Retired && !slices.ContainsFunc(e.Sources, other) {
				symbols = append(symbols, symbol)
			}
		}
	}
	return symbols, nil
}

// ended waits until the run has ended.
func ended(ctx context.Context, svc *service.Service, run etf.Run) (etf.Run, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for run.Status == etf.RunRunning {
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case <-tick.C:
		}
		now, err := svc.Run(ctx, run.ID)
		switch {
		case err == nil:
			run = now
		case etf.KindOf(err) != etf.KindUnavailable:
			return run, err
		}
	}
	return run, nil
}
