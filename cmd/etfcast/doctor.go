package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/dispatch"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/scoring"
	"github.com/etfcast/etfcast/service"
	"github.com/etfcast/etfcast/workflows"
)

// diagnosis is the result of one of doctor's checks.
type diagnosis struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning, error
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func doctorCommand(a *app) *cobra.Command {
	var as format
	var readerDSN string
	var s sourceSettings
	var checkpoints ledgerSettings
	var due dueSettings
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check settings, database, Temporal, workers and schedules, and print remedies (exit code 1 if something is wrong)",
		Long: `Check settings, database, Temporal, workers and schedules, look for rows that belong to no forecast, for
sums that are not those of their scores, and for traces of a clock that went back, and print a remedy for every problem. The exit code is 1 if something is wrong. Whether the
forecasts are as they were issued is checked by ` + "`etfcast ledger verify`.",
		Example: "  etfcast doctor",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 30*time.Second)
			defer cancel()
			d := &doctor{app: a, sources: s, checkpoints: checkpoints, due: due, readerDSN: readerDSN}
			d.examine(ctx)
			ctx, cancel = context.WithTimeout(cmd.Context(), 30*time.Second)
			defer cancel()
			d.records(ctx)
			if as.forPeople() {
				d.print()
			} else if err := a.encode(as, d.found); err != nil {
				return err
			}
			for _, f := range d.found {
				if f.State == "error" {
					return errors.New("something is wrong; the remedies are above")
				}
			}
			return nil
		},
	}
	s.addFlags(cmd.Flags())
	checkpoints.addFlags(cmd.Flags())
	settings{cmd.Flags()}.StringVar(&readerDSN, "reader-dsn", "", "DSN of the user who only reads, such as Grafana's, whose rights doctor checks (default: none)")
	due.addFlags(cmd.Flags())
	as.addFlags(cmd, "", "")
	return cmd
}

type doctor struct {
	app     *app
	sources sourceSettings
	// checkpoints are the settings of the ledger.
	checkpoints ledgerSettings
	readerDSN   string // may be empty
	due         dueSettings
	found       []diagnosis
}

func (d *doctor) ok(check, detail string) {
	d.found = append(d.found, diagnosis{Check: check, State: "ok", Detail: detail})
}

func (d *doctor) bad(check string, err error, remedy string) {
	f := diagnosis{Check: check, State: "error", Detail: err.Error(), Remedy: remedy}
	var e *etf.Error
	if errors.As(err, &e) && e.Remedy != "" {
		f.Detail, f.Remedy = etf.WithoutRemedy(err), e.Remedy
	}
	d.found = append(d.found, f)
}

func (d *doctor) warn(check, detail, remedy string) {
	d.found = append(d.found, diagnosis{Check: check, State: "warning", Detail: detail, Remedy: remedy})
}

func (d *doctor) examine(ctx context.Context) {
	d.database(ctx)
	d.reader(ctx)
	d.temporal(ctx)
	d.files()
	d.ledger()
}

func (d *doctor) database(ctx context.Context) {
	dsn := d.app.common.mysqlDSN
	store, err := d.app.openStore()
	if err != nil {
		d.bad("database", err, "set ETFCAST_MYSQL_DSN")
		return
	}
	defer store.Close()
	if err := store.Ping(ctx); err != nil {
		d.bad("database", err, "start it, or correct ETFCAST_MYSQL_DSN ("+redactDSN(dsn)+")")
		return
	}
	can, err := store.Capabilities(ctx)
	if err != nil {
		d.bad("database", err, "")
		return
	}
	d.ok("database", fmt.Sprintf("%s %s at %s", can.Server, can.Version, redactDSN(dsn)))
	if can.LocalInfile {
		d.ok("bulk loading", "LOAD DATA LOCAL is allowed")
	} else {
		d.warn("bulk loading", "the server refuses LOAD DATA LOCAL: whole histories load more slowly", "start MySQL with --local-infile=1")
	}
	svc := service.New(service.Deps{Store: store})
	switch schema, err := svc.Schema(ctx); {
	case err != nil:
		d.bad("schema", err, "")
	case schema.Newer():
		d.warn("schema", fmt.Sprintf("it is at version %d, newer than this program's %d", schema.Current, schema.Wanted), "run a newer etfcast soon")
		d.rights(ctx, svc, store)
	default:
		d.ok("schema", fmt.Sprintf("version %d", schema.Current))
		d.rights(ctx, svc, store)
	}
}

// rights checks that the pipeline's user has the rights it needs and no others, and then what it can read.
func (d *doctor) rights(ctx context.Context, svc *service.Service, store *db.Store) {
	if err := svc.Rights(ctx); err != nil {
		d.bad("rights", err, "")
		return
	}
	d.ok("rights", "the user of ETFCAST_MYSQL_DSN has all that are needed")
	excess, err := store.ExcessRights(ctx)
	switch {
	case err != nil:
		d.bad("append-only", err, "")
	case len(excess.Rights) > 0:
		d.warn("append-only", "the user of ETFCAST_MYSQL_DSN has rights that are not needed: "+strings.Join(excess.Rights, "; "),
			"revoke them, or use a user whose only rights are from `etfcast migrate --grant USER`: a mistake could change what was issued")
	case excess.Upsert:
		d.warn("append-only", "this server lets ON DUPLICATE KEY UPDATE change rows without the right to update them",
			"keep forecasts that matter on MySQL or MariaDB; `etfcast ledger verify` finds changed ones")
	default:
		d.ok("append-only", "that user can't change or delete what was issued")
	}
	d.contents(ctx, svc)
	d.freshness(ctx, store)
	d.sourceStates(ctx, store)
	d.checkpoint(ctx, svc)
}

// sourceStates checks the breakers and the keys of the sources that ETFs name.
func (d *doctor) sourceStates(ctx context.Context, store *db.Store) {
	const check = "sources"
	svc := service.New(service.Deps{Store: store, Sources: etf.SourceNames(), Keys: d.app.env.keyState})
	list, err := svc.SourceInfos(ctx)
	if err != nil {
		d.bad(check, err, "")
		return
	}
	fine := true
	for _, s := range list {
		if len(s.ETFs) == 0 {
			continue
		}
		if s.Breaker.State != etf.BreakerClosed {
			fine = false
			d.warn(check, fmt.Sprintf("%s is %s: %s", s.Name, breakerText(s.Breaker, svc.Now()), s.Breaker.Reason),
				"look at `etfcast source show "+s.Name+"`; once the cause is gone, `etfcast source retry "+s.Name+"` has it asked at once")
		}
		if s.Key.IsZero() {
			continue
		}
		if text, remedy := keyWarning(s.KeyIs, svc.Now()); text != "" {
			fine = false
			d.warn(check, s.Name+": "+text, remedy)
		}
	}
	if fine {
		d.ok(check, "all that ETFs name are asked, and have their keys")
	}
}

// reader checks that the reader's user has the right to read what it is meant to, and no other.
func (d *doctor) reader(ctx context.Context) {
	const check = "reader"
	if d.readerDSN == "" {
		return
	}
	if err := checkDSN("reader-dsn", d.readerDSN, ""); err != nil {
		d.bad(check, err, "")
		return
	}
	store, err := db.Open(d.readerDSN, db.Options{Variable: db.ReaderDSNVariable, Timeout: commandTimeout})
	if err != nil {
		d.bad(check, err, "")
		return
	}
	defer store.Close()
	missing, excess, err := store.ReaderRights(ctx)
	switch {
	case err != nil:
		d.bad(check, err, "start the database, or correct ETFCAST_READER_DSN ("+redactDSN(d.readerDSN)+")")
	case len(missing) > 0:
		d.bad(check, fmt.Errorf("the user of ETFCAST_READER_DSN has too few rights; missing: %s", strings.Join(missing, "; ")),
			"run `etfcast migrate --grant-reader USER`")
	case len(excess) > 0:
		d.warn(check, "the user of ETFCAST_READER_DSN may do more than read what it is meant to: "+strings.Join(excess, "; "),
			"revoke it, or use a user whose only rights are from `etfcast migrate --grant-reader USER`")
	default:
		d.ok(check, "the user of ETFCAST_READER_DSN can read what it is meant to, and nothing else")
	}
}

// freshness says in one line what is stale.
func (d *doctor) freshness(ctx context.Context, store *db.Store) {
	svc, err := freshnessService(store, d.due)
	if err != nil {
		d.bad("freshness", err, "")
		return
	}
	report, err := svc.Freshness(ctx, service.FreshnessQuery{})
	if err != nil {
		d.bad("freshness", err, "")
		return
	}
	var stale []string
	var symbols []etf.Symbol
	for _, f := range report.Items {
		if f.State == etf.FreshnessStale && !slices.Contains(symbols, f.Symbol) {
			symbols = append(symbols, f.Symbol)
		}
	}
	for _, x := range report.Exchanges {
		if x.Stale > 0 {
			stale = append(stale, fmt.Sprintf("%d of %d ETFs on %s", x.Stale, x.OK+x.Waiting+x.Stale, x.Exchange))
		}
	}
	if len(stale) == 0 {
		d.ok("freshness", "every ETF has the prices and the forecast that are due")
		return
	}
	shown := symbols[:min(len(symbols), 5)]
	d.warn("freshness", fmt.Sprintf("%s lack what is due: %v", strings.Join(stale, " and "), shown), "see `etfcast freshness`; `etfcast run daily --exchange EXCHANGE` fetches it")
}

func (d *doctor) contents(ctx context.Context, svc *service.Service) {
	counts, err := svc.Contents(ctx)
	if err != nil {
		d.bad("registry", err, "")
		return
	}
	if counts.ETFs == 0 {
		d.warn("registry", "no ETF is registered", "register one with `etfcast etf add SPY --exchange XNYS --source yahoo`")
		return
	}
	d.ok("registry", fmt.Sprintf("%d ETFs, %d bars (%d quarantined), %d forecasts, %d runs completed", counts.ETFs, counts.Bars, counts.Quarantined, counts.Forecasts, counts.RunsCompleted))
}

// records looks for what this program never leaves behind: parts of forecasts that are not stored, and instants that do
// not advance.
func (d *doctor) records(ctx context.Context) {
	store, err := d.app.openStoreWith(db.Options{}) // ctx has the limit, if there is one
	if err != nil {
		return // the database check has reported it
	}
	defer store.Close()
	if svc := service.New(service.Deps{Store: store}); svc.Migrated(ctx) != nil {
		return // the checks of schema and rights have reported it
	}
	unfinished := func(check string, err error) {
		if ctx.Err() != nil {
			d.warn(check, "the check did not end within its 30 seconds", "run `etfcast ledger verify`, which has no time limit and looks for orphans too")
			return
		}
		d.bad(check, err, "")
	}
	switch orphans, err := store.Orphans(ctx, brokenShown); {
	case err != nil:
		unfinished("orphans", err)
	case len(orphans) > 0:
		var list []string
		for _, o := range orphans[:min(len(orphans), brokenShown)] {
			owner := "forecast " + o.Owner
			if o.Table == "forecasts" {
				owner = "ETF number " + o.Owner
			}
			list = append(list, fmt.Sprintf("%d in %s of %s", o.Rows, o.Table, owner))
		}
		d.bad("orphans", fmt.Errorf("rows without what they belong to: %s", strings.Join(list, "; ")),
			"compare the database with a backup: something was removed or inserted by hand")
	default:
		d.ok("orphans", "all parts of forecasts belong to a stored forecast")
	}
	d.scores(ctx, store, unfinished)
	steps, err := store.ClockSteps(ctx, brokenShown)
	switch {
	case err != nil:
		unfinished("clock", err)
	case len(steps) > 0:
		var list []string
		for _, s := range steps[:min(len(steps), brokenShown)] {
			at, after := s.At.Format(time.RFC3339Nano), s.After.Format(time.RFC3339Nano)
			if s.Future {
				list = append(list, fmt.Sprintf("%s of %s is from %s, but it is %s now", s.What, s.Symbol, at, after))
			} else {
				list = append(list, fmt.Sprintf("%s of %s is from %s, the one before it from %s", s.What, s.Symbol, at, after))
			}
		}
		d.warn("clock", "a clock went back: "+strings.Join(list, "; "),
			"synchronise the clocks of the workers' machines; the numbers are right, but not these instants")
	default:
		d.ok("clock", "no trace of one that went back")
	}
}

// scores recomputes the sums of scores that the scoreboard is made from.
func (d *doctor) scores(ctx context.Context, store *db.Store, unfinished func(check string, err error)) {
	const check = "scores"
	sessions, found, err := store.CheckScoreSums(ctx, func(list []etf.Score) []etf.SessionLosses {
		return scoring.Contributions(list, catalogue.Benchmark)
	}, brokenShown)
	switch {
	case err != nil:
		unfinished(check, err)
	case len(found) > 0:
		var list []string
		for _, f := range found {
			list = append(list, fmt.Sprintf("%s of %s on %s, horizon %d, %s, origin %s: %d is stored, the scores add up to %d",
				f.Column, f.Model, f.Exchange, f.Horizon, f.Standing, f.Origin, f.Stored, f.Scores))
		}
		d.bad(check, fmt.Errorf("sums that are not those of the scores: %s", strings.Join(list, "; ")),
			"compare the database with a backup: a score or a sum was changed by hand")
	default:
		d.ok(check, fmt.Sprintf("the sums of %d sessions are those of their scores", sessions))
	}
}

// brokenShown is how many orphans and steps of a clock are listed; beyond that, a longer list does not help to find the cause.
const brokenShown = 20

func (d *doctor) temporal(ctx context.Context) {
	c, err := d.app.temporal()
	if err != nil {
		d.bad("temporal", err, "correct the TEMPORAL_* settings")
		return
	}
	defer c.Close()
	if err := c.Check(ctx); err != nil {
		d.bad("temporal", err, "start Temporal, or correct TEMPORAL_ADDRESS")
		return
	}
	d.ok("temporal", fmt.Sprintf("%s, namespace %s", c.Address(), c.Namespace()))
	d.searchAttributes(ctx, c)
	svc, err := d.app.serviceOn(nil, c)
	if err != nil {
		d.bad("settings", err, "")
		return
	}
	for _, queue := range queues() {
		if err := svc.CheckQueue(ctx, queue); err != nil {
			d.bad("queue "+queue, err, "")
		} else {
			d.ok("queue "+queue, "polled by a worker")
		}
	}
	schedules, err := svc.Schedules(ctx)
	if err != nil {
		d.bad("schedules", err, "")
		return
	}
	have := map[string]bool{}
	for _, s := range schedules {
		have[s.ID] = true
		if s.Paused {
			d.warn("schedule "+s.ID, "paused: "+s.Note, "`etfcast schedule resume "+s.ID+"`")
		} else {
			d.ok("schedule "+s.ID, s.Fires)
		}
	}
	for _, x := range etf.HomeExchanges() {
		if id := workflows.ScheduleID(x); !have[id] {
			d.warn("schedule "+id, "missing: nothing runs automatically", "`etfcast schedule apply`")
		}
	}
}

func (d *doctor) searchAttributes(ctx context.Context, c *dispatch.Client) {
	missing, err := c.MissingSearchAttributes(ctx)
	switch {
	case err != nil:
		d.bad("search attributes", err, "")
	case len(missing) > 0:
		names := slices.Sorted(maps.Keys(missing))
		d.bad("search attributes", fmt.Errorf("missing: %s", strings.Join(names, ", ")), "start a worker, which registers them, or see docs/workflows.md")
	default:
		d.ok("search attributes", "all registered")
	}
}

func (d *doctor) files() {
	dir := d.sources.fileDir
	if dir == "" {
		d.ok("file source", "--file-dir is not set; only CSV files need it")
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.bad("file source", err, "correct --file-dir")
		return
	}
	d.ok("file source", fmt.Sprintf("%s, %d entries", dir, len(entries)))
}

func (d *doctor) print() {
	for _, f := range d.found {
		mark := map[string]string{"ok": "ok     ", "warning": "warning", "error": "ERROR  "}[f.State]
		fmt.Fprintf(d.app.stdout, "%s  %-28s %s\n", mark, f.Check, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(d.app.stdout, "         %-28s -> %s\n", "", f.Remedy)
		}
	}
}
