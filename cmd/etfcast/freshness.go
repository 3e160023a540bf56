package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// errStale is returned by `etfcast freshness` if something is stale.
var errStale = errors.New("something that is due is missing: `etfcast run daily` fetches it, `etfcast run list` shows what failed")

// dueSettings are the delays after which sessions are due.
type dueSettings struct{ after map[string]string }

func (d *dueSettings) addFlags(flags *pflag.FlagSet) {
	settings{flags}.StringToStringVar(&d.after, "due-after", nil,
		fmt.Sprintf("how long after its close a session is due: NAME=DURATION, separated by commas; NAME is an exchange (default: %s) or a source, which adds to it (default: none)", formatDelay(service.DefaultDueAfter)))
}

func formatDelay(d time.Duration) string { return fmt.Sprintf("%gh", d.Hours()) }

func (d *dueSettings) parse() (service.DueAfter, error) {
	after, err := service.ParseDueAfter(d.after)
	if err != nil {
		return after, usageError{err}
	}
	return after, nil
}

func freshnessCommand(a *app) *cobra.Command {
	var q service.FreshnessQuery
	var due dueSettings
	var as format
	cmd := &cobra.Command{
		Use:   "freshness",
		Short: "Show which ETFs lack prices or a forecast that are due (exit code 3 if any does)",
		Long: `Show which ETFs lack prices or a forecast that are due (exit code 3 if any does), whatever runs there were.
A session is due some time after its close (--due-after). Each exchange's newest closed session counts,
and every older one that is still missing something. It needs the database only.`,
		Example: `  etfcast freshness
  etfcast freshness --exchange XNYS --json
  etfcast freshness --symbol SPY --session 2025-09-26`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			svc, err := freshnessService(store, due)
			if err != nil {
				return err
			}
			report, err := svc.Freshness(cmd.Context(), q)
			if err != nil {
				return err
			}
			if as.forPeople() {
				err = printFreshness(a.stdout, report)
			} else {
				out := api.FreshnessOut(report)
				err = a.encodeRows(as, out, out.Items)
			}
			if err == nil && slices.ContainsFunc(report.Exchanges, func(x service.FreshnessExchange) bool { return x.Stale > 0 }) {
				return errStale
			}
			return err
		},
	}
	cmd.Flags().StringVar(&q.Exchange, "exchange", "", "only this exchange, "+etf.ExchangeList())
	cmd.Flags().StringVar(&q.Symbol, "symbol", "", "only this ETF")
	cmd.Flags().StringVar(&q.Session, "session", "", "look at this session instead of the newest ones, YYYY-MM-DD")
	as.addFlags(cmd, "as GET /v1/freshness responds", "its items")
	due.addFlags(cmd.Flags())
	return cmd
}

// freshnessService returns a service that knows this program's models and what is due. It needs no Temporal.
func freshnessService(store *db.Store, due dueSettings) (*service.Service, error) {
	after, err := due.parse()
	if err != nil {
		return nil, err
	}
	all, err := models()
	if err != nil {
		return nil, err
	}
	knowCalendars(context.Background(), store)
	return service.New(service.Deps{Store: store, Models: modelInfos(all), DueAfter: after}), nil
}

// printFreshness prints a line for each exchange, and a table of what is not there.
func printFreshness(w io.Writer, r service.FreshnessReport) error {
	for _, x := range r.Exchanges {
		fmt.Fprintf(w, "%s %s, due %s: %d ok, %d waiting, %d stale\n", x.Exchange, x.Session, x.DueAt.Format(time.RFC3339), x.OK, x.Waiting, x.Stale)
	}
	lacking := slices.DeleteFunc(slices.Clone(r.Items), func(f etf.Freshness) bool { return f.State == etf.FreshnessOK && f.Late == 0 })
	if len(lacking) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "SYMBOL", "SESSION", "STATE", "DUE", "STORED", "FORECAST", "LATE").numbers("LATE").spare("DUE", "FORECAST", "STORED")
	for _, f := range lacking {
		late := ""
		if f.Late > 0 {
			late = f.Late.Round(time.Second).String()
		}
		t.row(f.Symbol, f.Session, f.State, f.DueAt.UTC().Format(time.RFC3339), instantOrNone(f.StoredAt), instantOrNone(f.ForecastAt), late)
	}
	return t.flush()
}

func instantOrNone(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// freshnessMetrics are what the look at the deadlines sets.
type freshnessMetrics struct {
	stale  *prometheus.GaugeVec
	late   *prometheus.GaugeVec
	missed *prometheus.CounterVec
	looked prometheus.Gauge
}

// newFreshnessMetrics registers the metrics. Every series of the counter exists from the start: an alert on an increase would miss the
// deadline that creates a series.
func newFreshnessMetrics(registry prometheus.Registerer) *freshnessMetrics {
	m := &freshnessMetrics{
		stale: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "etfcast_stale_etfs", Help: "ETFs that lack what is due after a session, by what they lack.",
		}, []string{"exchange", "deadline"}),
		late: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "etfcast_freshness_lateness_seconds", Help: "How long ago what has been missing for longest was due; 0 if nothing is missing.",
		}, []string{"exchange"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "etfcast_deadlines_missed_total", Help: "Deadlines that this process was the first to see missed.",
		}, []string{"exchange", "deadline"}),
		looked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "etfcast_deadlines_watched_timestamp_seconds", Help: "When this process last looked at the deadlines.",
		}),
	}
	registry.MustRegister(m.stale, m.late, m.missed, m.looked)
	for _, x := range etf.Exchanges() {
		for _, kind := range []etf.Deadline{etf.DeadlineStored, etf.DeadlineForecast} {
			m.missed.WithLabelValues(string(x), string(kind))
		}
	}
	return m
}

func (m *freshnessMetrics) set(w service.Watched) {
	for x, at := range w.Exchanges {
		for kind, n := range at.Stale {
			m.stale.WithLabelValues(string(x), string(kind)).Set(float64(n))
		}
		m.late.WithLabelValues(string(x)).Set(at.Late.Seconds())
	}
	for _, d := range w.Missed {
		m.missed.WithLabelValues(string(d.Exchange), string(d.Kind)).Inc()
	}
	m.looked.Set(float64(w.At.Unix()))
}

// watchEvery is about how often a worker looks at the deadlines. Each waits for a random time, so that many do not look at once.
const watchEvery = time.Minute

// watchDeadlines looks at the deadlines now and about once a minute until ctx ends.
func (p *process) watchDeadlines(ctx context.Context) {
	svc, metrics := p.service(), newFreshnessMetrics(p.metrics)
	for {
		looked, err := svc.WatchDeadlines(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Warn("deadlines not watched, they are next time", "error", err)
		default:
			metrics.set(looked)
		}
		for _, d := range looked.Missed {
			p.log.Warn("deadline missed", "symbol", d.Symbol, "exchange", d.Exchange, "session", d.Session, "deadline", d.Kind, "due_at", d.DueAt)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery*4/5 + rand.N(watchEvery*2/5)):
		}
	}
}
