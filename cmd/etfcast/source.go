package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/api"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// sourceLimits are the settings of how often sources may be asked.
type sourceLimits struct{ rateTexts, quotaTexts map[string]string }

func (l *sourceLimits) addFlags(flags *pflag.FlagSet) {
	declare := settings{flags}
	declare.StringToStringVar(&l.rateTexts, "source-rate", nil, "fetches per second from a source, across all workers: NAME=RATE, separated by commas (default: "+defaultRates()+")")
	declare.StringToStringVar(&l.quotaTexts, "source-quota", nil, "requests per day to a source, across all workers, 0 for no limit: NAME=N, separated by commas (default: "+defaultQuotas()+")")
}

func sourceCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "source", Short: "Show the sources of prices and how they stand, and try one out"}
	cmd.AddCommand(sourceListCommand(a), sourceShowCommand(a), sourceTestCommand(a), sourceRetryCommand(a))
	return cmd
}

// sourceService is a service that reads the sources' state. It needs no Temporal.
func (a *app) sourceService(limits sourceLimits) (*service.Service, func(), error) {
	rates, err := limits.rates()
	if err != nil {
		return nil, nil, err
	}
	quotas, err := limits.quotas()
	if err != nil {
		return nil, nil, err
	}
	store, err := a.openStore()
	if err != nil {
		return nil, nil, err
	}
	svc := service.New(service.Deps{Store: store, Sources: etf.SourceNames(), Rates: rates, Quotas: quotas, Keys: a.env.keyState})
	return svc, func() { _ = store.Close() }, nil
}

func sourceListCommand(a *app) *cobra.Command {
	var limits sourceLimits
	var as format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sources: what they deliver, whether they are asked now, and what is left of their quotas",
		Long: `List the sources: what they deliver, whether they are asked now (breaker), what is left of their daily quotas, and
whether this shell has their keys. A worker has its own environment: what it lacks is in its log.`,
		Example: "  etfcast source list",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			svc, closeAll, err := a.sourceService(limits)
			if err != nil {
				return err
			}
			defer closeAll()
			list, err := svc.SourceInfos(cmd.Context())
			if err != nil {
				return err
			}
			out := api.SourcesOut(list, svc.Now())
			if !as.forPeople() {
				return a.encodeRows(as, out, out.Items)
			}
			t := newTable(a.stdout, "SOURCE", "BASIS", "ETFS", "BREAKER", "QUOTA", "KEY", "LAST RESPONSE").numbers("ETFS").spare("LAST RESPONSE", "BASIS")
			for _, s := range list {
				t.row(s.Name, s.Basis, len(s.ETFs), breakerText(s.Breaker, svc.Now()), quotaText(s.Use), keyText(s.KeyIs, svc.Now()), instantOrNone(s.Breaker.LastSuccess))
			}
			return t.flush()
		},
	}
	limits.addFlags(cmd.Flags())
	as.addFlags(cmd, "as GET /v1/sources responds", "its items")
	return cmd
}

func sourceShowCommand(a *app) *cobra.Command {
	var limits sourceLimits
	var as format
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show one source: its traits, breaker, quota and key, and the ETFs that name it",
		Example: "  etfcast source show yahoo",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.sourceService(limits)
			if err != nil {
				return err
			}
			defer closeAll()
			info, err := svc.SourceInfo(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showSource(info, svc.Now(), as)
		},
	}
	limits.addFlags(cmd.Flags())
	as.addFlags(cmd, "as GET /v1/sources/{name} responds", "the ETFs that name it")
	return cmd
}

func sourceRetryCommand(a *app) *cobra.Command {
	var as format
	cmd := &cobra.Command{
		Use:   "retry NAME",
		Short: "Let the next request to a source through, although its breaker is open or it has said that its quota is used up",
		Long: `Let the next request to a source through, although its breaker is open: the request decides whether it closes. If the source
itself has said that its daily quota is used up, that is forgotten; the count of requests stays.`,
		Example: `  etfcast source retry yahoo
  etfcast run daily --exchange XNYS --rerun`,
		Args: exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			svc, closeAll, err := a.sourceService(sourceLimits{})
			if err != nil {
				return err
			}
			defer closeAll()
			info, err := svc.RetrySource(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if !as.forPeople() {
				out := api.SourceOut(info, svc.Now())
				return a.encodeRows(as, out, out.Source)
			}
			fmt.Fprintf(a.stdout, "%s: %s\n", info.Name, breakerText(info.Breaker, svc.Now()))
			return nil
		},
	}
	as.addFlags(cmd, "as GET /v1/sources/{name} responds", "the source")
	return cmd
}

func (a *app) showSource(info service.SourceInfo, now time.Time, as format) error {
	if out := api.SourceOut(info, now); !as.forPeople() {
		return a.encodeRows(as, out, out.Etfs)
	}
	p := newPairs(a.stdout)
	p.line("source", "%s: %s", info.Name, info.About)
	p.line("references", "%s", info.Refers)
	p.line("prices", "%s", info.Basis)
	if info.Restated {
		p.line("", "its history is rewritten after a split or a distribution, and only ever taken over whole")
	}
	if len(info.Exchanges) > 0 {
		p.line("exchanges", "%s", listOf(info.Exchanges))
	}
	p.line("history", "%s", historyText(info.SourceTraits))
	if info.Rate > 0 {
		p.line("rate", "%g fetches per second", info.Rate)
	}
	for name, text := range map[string]string{"cost": info.Cost} {
		if text != "" {
			p.line(name, "%s", text)
		}
	}
	if info.Pitfalls != "" {
		p.line("pitfalls", "%s", info.Pitfalls)
	}
	p.line("quota", "%s", quotaText(info.Use))
	if u := info.Use; u != nil {
		p.line("", "%d used on %s, %d of them by backfills, which leave %d to the daily runs; renewed %s", u.Used, u.Day, u.Behind, u.Reserved, u.Renewed.UTC().Format(time.RFC3339))
		if u.Refused {
			p.line("", "the source itself says that it is used up")
		}
	}
	p.line("key", "%s", keyText(info.KeyIs, now))
	if k := info.KeyIs; k.Variable != "" {
		p.line("", "%s, or %s_FILE for a file with it, in this shell; %s", k.Variable, k.Variable, k.From)
	}
	b := info.Breaker
	p.line("breaker", "%s", breakerText(b, now))
	if b.Failures > 0 {
		p.line("", "%d failed in a row, of %s: %s", b.Failures, listOf(b.Failing), b.Reason)
	}
	p.line("last response", "%s", instantOrNone(b.LastSuccess))
	if err := p.flush(); err != nil {
		return err
	}
	if len(info.Changes) > 0 {
		fmt.Fprintln(a.stdout)
		t := newTable(a.stdout, "AT", "BREAKER", "FAILURES", "UNTIL", "REASON").numbers("FAILURES").spare("UNTIL")
		for _, c := range info.Changes[:min(len(info.Changes), 10)] {
			t.row(c.At.UTC().Format(time.RFC3339), c.State, c.Failures, instantOrNone(c.RetryAt), c.Reason)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if len(info.ETFs) > 0 {
		fmt.Fprintln(a.stdout)
		t := newTable(a.stdout, "SYMBOL", "EXCHANGE", "PLACE", "REF").numbers("PLACE")
		for _, e := range info.ETFs {
			t.row(e.Symbol, e.Exchange, e.Place, e.Ref)
		}
		return t.flush()
	}
	return nil
}

func listOf[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

func historyText(t etf.SourceTraits) string {
	var parts []string
	if t.Depth.Rows > 0 {
		parts = append(parts, fmt.Sprintf("the newest %d rows", t.Depth.Rows))
	}
	if t.Depth.Days > 0 {
		parts = append(parts, fmt.Sprintf("the last %d days", t.Depth.Days))
	}
	if t.DayResponses {
		parts = append(parts, "one response has every ETF of one session")
	} else if t.Window > 0 {
		parts = append(parts, fmt.Sprintf("at most %d days in one response", t.Window))
	}
	if len(parts) == 0 {
		return "all of it"
	}
	return strings.Join(parts, "; ")
}

func breakerText(b etf.Breaker, now time.Time) string {
	switch {
	case b.State == etf.BreakerOpen && b.RetryAt.After(now):
		return "open until " + b.RetryAt.UTC().Format(time.RFC3339)
	case b.State == etf.BreakerOpen:
		return "open, the next request decides"
	case b.State == etf.BreakerHalfOpen:
		return "half open, a request is on its way"
	case b.Failures > 0:
		return fmt.Sprintf("closed, %d failed", b.Failures)
	}
	return "closed"
}

func quotaText(u *etf.QuotaUse) string {
	if u == nil {
		return "-"
	}
	return fmt.Sprintf("%d of %d left", u.Left(false), u.Limit)
}

func keyText(k service.KeyState, now time.Time) string {
	switch warning := k.Warning(now); {
	case k.Variable == "":
		return "-"
	case warning != "":
		return warning
	case !k.Expires.IsZero():
		return "until " + k.Expires.String()
	}
	return "ok"
}

// rates returns the default rates overridden by the configured ones.
func (l sourceLimits) rates() (map[string]float64, error) {
	return sourceRates(l.rateTexts)
}

// quotas returns the default quotas overridden by the configured ones.
func (l sourceLimits) quotas() (map[string]int, error) { return sourceQuotas(l.quotaTexts) }

// watchKeys warns about keys that are missing or expire soon, now and once a day until ctx ends.
func (p *process) watchKeys(ctx context.Context) {
	for {
		named, err := p.requests.SourceETFs(ctx)
		if err == nil {
			for _, s := range etf.Sources() {
				if len(named[s.Name]) == 0 || s.Key.IsZero() {
					continue
				}
				if text, remedy := keyWarning(p.env.keyState(s.Key), time.Now()); text != "" {
					p.log.Warn("source's key", "source", s.Name, "problem", text, "remedy", remedy)
				}
			}
		}
		wait := 24 * time.Hour
		if err != nil {
			wait = time.Minute
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
