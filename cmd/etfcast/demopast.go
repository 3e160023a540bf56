package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/source/simulated"
)

// pastSessions is how many closed sessions before the newest the demo forecasts afterwards: enough for scores at the longest
// horizon.
const pastSessions = 25

// past runs the sessions before the newest ones for the demo's ETFs, oldest first, and prints where to see how those forecasts have
// fared. Runs that have completed are not started again. What goes wrong is logged: the demo works without it.
func (p *process) past(ctx context.Context, out io.Writer, newest []etf.Run) {
	svc := p.service()
	began := time.Now()
	counts := make([]int, len(newest))
	var wg sync.WaitGroup
	for i, run := range newest {
		wg.Go(func() {
			var err error
			counts[i], err = pastRuns(ctx, svc, run)
			if err != nil && ctx.Err() == nil {
				p.log.Warn("the demo's earlier sessions are incomplete; the next start goes on with them", "exchange", run.Exchange, "error", err)
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	if ctx.Err() != nil || total == 0 {
		return
	}
	base := "http://" + p.listener.Addr().String()
	fmt.Fprintf(out, `
%d earlier sessions are forecast too, after %.0f s. These forecasts were made when the prices were known: they are late, are scored,
and prove nothing. The record begins today.
  how they fared   curl -s '%s/v1/scoreboard?late=true'
                   etfcast scoreboard --late
`, total, time.Since(began).Seconds(), base)
}

// pastRuns runs the sessions before that of the newest run, one after another, and returns how many have completed.
func pastRuns(ctx context.Context, svc *service.Service, newest etf.Run) (completed int, err error) {
	cal, err := calendar.For(newest.Exchange)
	if err != nil {
		return 0, err
	}
	first, err := cal.Nth(newest.Session, -pastSessions)
	if err != nil {
		return 0, err
	}
	symbols, err := demoSymbols(ctx, svc, newest.Exchange)
	if err != nil || len(symbols) == 0 {
		return 0, err
	}
	for _, session := range cal.Sessions(etf.Window{From: first, To: newest.Session - 1}) {
		request := service.RunRequest{
			Workflow: etf.DailyRun, Exchange: string(newest.Exchange), Session: session.String(), Symbols: symbols, Behind: true,
		}
		run, _, err := svc.StartRun(ctx, request)
		if err == nil {
			run, err = ended(ctx, svc, run)
		}
		if err != nil {
			return completed, err
		}
		if run.Status == etf.RunCompleted {
			completed++
		}
	}
	return completed, nil
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
