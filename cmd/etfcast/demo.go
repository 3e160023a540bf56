package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/retry"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/source/simulated"
)

// demoETFs are registered by `etfcast up --demo`. They are simulated, so that the demo needs no network and keeps
// running day after day.
var demoETFs = []struct {
	exchange etf.Exchange
	symbols  []string
}{
	{etf.XNYS, []string{"SIMUS1", "SIMUS2", "SIMUS3", "SIMUS4", "SIMUS5", "SIMUS6"}},
	{etf.XKRX, []string{"SIMKR1", "SIMKR2", "SIMKR3", "SIMKR4"}},
}

// demoData is where the embedded stack keeps its data by default.
const demoData = ".devstack"

// demoFiles lets the demo keep files that its dashboard is given, beside its data or, where the embedded stack has its data elsewhere,
// in a folder that remove removes. Whoever has set a folder keeps it.
func (s *serverSettings) demoFiles() (remove func(), err error) {
	remove = func() {}
	if s.uploads.dir != "" || s.sources.fileDir != "" {
		return remove, nil
	}
	dir := filepath.Join(demoData, "files")
	if info, err := os.Stat(demoData); err == nil && info.IsDir() {
		err = os.MkdirAll(dir, 0o755)
		if err != nil {
			return remove, etf.Wrap(etf.KindUnavailable, err, "making the folder for files")
		}
	} else {
		if dir, err = os.MkdirTemp("", "etfcast-demo-"); err != nil {
			return remove, etf.Wrap(etf.KindUnavailable, err, "making the folder for files")
		}
		remove = func() { _ = os.RemoveAll(dir) } // nothing needs it any more
	}
	s.uploads.dir, s.sources.fileDir = dir, dir
	return remove, nil
}

// demo registers the demo's ETFs, applies the schedules, runs the last closed session of each exchange and prints where
// to look; then it runs the sessions before those. It is idempotent: a second start finds everything in place.
func (p *process) demo(ctx context.Context, out io.Writer) error {
	began := time.Now()
	svc := p.service()
	var runs []etf.Run
	for _, group := range demoETFs {
		for _, symbol := range group.symbols {
			request := service.ETFRequest{Symbol: symbol, Exchange: string(group.exchange), Sources: []service.SourceRequest{{Name: simulated.Name}}}
			if err := retry.Until(ctx, p.log, retry.Limit, func(ctx context.Context) error {
				// Until the migration has run, the tables are missing or not granted.
				if err := svc.Migrated(ctx); err != nil {
					return err
				}
				if _, _, err := svc.AddETF(ctx, request); etf.KindOf(err) != etf.KindConflict {
					return err
				}
				return nil // registered already, and edited since
			}); err != nil {
				return err
			}
		}
		if err := retry.Until(ctx, p.log, retry.Limit, func(ctx context.Context) error {
			if _, _, err := svc.ApplySchedule(ctx, group.exchange); err != nil {
				return err
			}
			run, _, err := svc.StartRun(ctx, service.RunRequest{Workflow: etf.DailyRun, Exchange: string(group.exchange)})
			if err == nil {
				runs = append(runs, run)
			}
			return err
		}); err != nil {
			return err
		}
	}
	for i := range runs {
		var err error
		if runs[i], err = ended(ctx, svc, runs[i]); err != nil {
			return err
		}
	}
	if err := p.printDemo(ctx, out, svc, runs, time.Since(began)); err != nil {
		return err
	}
	p.past(ctx, out, runs)
	return nil
}

func (p *process) printDemo(ctx context.Context, out io.Writer, svc *service.Service, runs []etf.Run, took time.Duration) error {
	base := "http://" + p.listener.Addr().String()
	fmt.Fprintf(out, "\netfcast is up; both exchanges are up to date after %.1f s\n\n", took.Seconds())
	for _, r := range runs {
		e, err := svc.LatestForecast(ctx, demoSymbol(r.Exchange), "")
		if err != nil {
			return err
		}
		pt := e.Points[len(e.Points)-1]
		fmt.Fprintf(out, "  %-24s %s: %d ETFs, %d updated, %d unchanged, %d quarantined, %d failed\n", r.ID, r.Status, r.Counts.Due, r.Counts.Updated, r.Counts.Unchanged, r.Counts.Quarantined, r.Counts.Failed)
		fmt.Fprintf(out, "  %-24s %s in %d sessions (%s): 90 %% between %.2f and %.2f\n", "", e.Symbol, pt.Horizon, pt.Target, pt.Quantiles[0], pt.Quantiles[6])
	}
	fmt.Fprintf(out, `
  the dashboard    %[1]s
  the API          %[1]s/docs
  a forecast       curl -s %[1]s/v1/etfs/SIMUS1/forecasts/latest
  its prices       curl -s '%[1]s/v1/etfs/SIMUS1/bars?limit=5'
  the runs         curl -s %[1]s/v1/runs
  the scoreboard   curl -s '%[1]s/v1/scoreboard?late=true'
`, base)
	if ui := p.ui; ui != "" {
		fmt.Fprintf(out, "  Temporal Web UI  %s\n", ui)
	}
	fmt.Fprintf(out, "\nThe schedules fire after each close. Ctrl-C stops everything; the next start keeps all data.\n")
	return nil
}

func demoSymbol(x etf.Exchange) string {
	for _, g := range demoETFs {
		if g.exchange == x {
			return g.symbols[0]
		}
	}
	return ""
}
