package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func watchCommand(a *app) *cobra.Command {
	var exchange string
	var once bool
	var as format
	var due dueSettings
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Watch the exchanges live: sessions, runs, failures with what to do, what is late, and what waits for a person",
		Long: `Watch the exchanges live: sessions, runs with their progress, failures with what to do about them, ETFs that
lack what is due, and what waits for a person. On a terminal the picture is kept up to date until Ctrl-C. In a pipe or a file, a line is
written for each event instead; with --json, each as an object. --once shows the picture once.`,
		Example: "  etfcast watch\n  etfcast watch --exchange XNYS --once --json\n  etfcast watch | grep failed",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			exchanges := etf.Exchanges()
			if exchange != "" {
				x, err := etf.ParseExchange(exchange)
				if err != nil {
					return err
				}
				exchanges = []etf.Exchange{x}
			}
			svc, closeAll, err := a.service()
			if err != nil {
				return err
			}
			defer closeAll()
			store, err := a.openStore()
			if err != nil {
				return err
			}
			defer store.Close()
			fresh, err := freshnessService(store, due)
			if err != nil {
				return err
			}
			w := &watcher{app: a, svc: svc, fresh: fresh, only: exchange, exchanges: exchanges, failures: map[etf.RunID]seenRun{}, places: map[etf.Symbol]etf.Exchange{}}
			if once {
				return w.once(cmd.Context(), as)
			}
			stream, err := svc.FollowEvents(cmd.Context(), service.EventFollow{Exchange: exchange})
			if err != nil {
				return err
			}
			defer stream.Close()
			if kind, _ := a.env.lookup("TERM"); as.forPeople() && isTerminal(a.stdout) && kind != "dumb" {
				return w.screen(cmd.Context(), stream)
			}
			return w.lines(cmd.Context(), stream, as)
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "only this exchange, "+etf.ExchangeList())
	cmd.Flags().BoolVar(&once, "once", false, "show how things stand, and end")
	due.addFlags(cmd.Flags())
	as.addFlags(cmd, "one event on a line; with --once, how things stand", "one row for each event; with --once, one for each run")
	return cmd
}

// watcher gathers what `etfcast watch` shows.
type watcher struct {
	app       *app
	svc       *service.Service
	fresh     *service.Service // knows what is due
	only      string           // this exchange; "" = all
	exchanges []etf.Exchange
	failures  map[etf.RunID]seenRun       // as last read
	places    map[etf.Symbol]etf.Exchange // as far as they were asked for
}

// seenRun are the failures of a run when it had these counts.
type seenRun struct {
	status   etf.RunStatus
	counts   etf.RunCounts
	failures []watchFailure
}

func (w *watcher) once(ctx context.Context, as format) error {
	s, err := w.state(ctx)
	if err != nil {
		return err
	}
	if !as.forPeople() {
		return w.app.encodeRows(as, s, s.rows())
	}
	width := screenWidth(w.app.stdout)
	if width == 0 {
		width = 100
	}
	for _, line := range s.picture(width, asciiOnly(w.app.stdout)) {
		fmt.Fprintln(w.app.stdout, line)
	}
	return nil
}

const (
	// watchWait is how long nothing may happen before everything is read again: a session may have closed meanwhile.
	watchWait = 5 * time.Second
	// watchPause is the shortest time between two pictures.
	watchPause = 500 * time.Millisecond
)

// lines writes a line for each event until it is interrupted.
func (w *watcher) lines(ctx context.Context, stream *service.EventStream, as format) error {
	if as.csv {
		if err := writeCSV(w.app.stdout, []etf.Event{}); err != nil {
			return err
		}
	}
	for {
		events, _, err := stream.Next(ctx, watchWait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if etf.KindOf(err) != etf.KindUnavailable {
				return err
			}
			fmt.Fprintf(w.app.stderr, "warning: %v; trying again\n", err)
			if !pause(ctx, watchWait) {
				return ctx.Err()
			}
			continue
		}
		for _, e := range events {
			if err := writeEvent(w.app.stdout, as, e); err != nil {
				return err
			}
		}
	}
}

// pause waits; false if it was interrupted.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// What a terminal is told, in ECMA-48 and xterm's terms.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	toLineEnd   = "\x1b[K" // clears it
	toScreenEnd = "\x1b[J"
)

// screen keeps a picture on the terminal until it is interrupted, and leaves the terminal as it was.
func (w *watcher) screen(ctx context.Context, stream *service.EventStream) error {
	state, err := w.state(ctx) // what is wrong from the start is said on the ordinary screen
	if err != nil {
		return err
	}
	out := unwrap(w.app.stdout) // every text is made visible before
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	if _, err := io.WriteString(out, enterScreen); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(out, leaveScreen) }()

	type batch struct {
		events []etf.Event
		err    error
	}
	batches := make(chan batch)
	reading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	defer func() { stop(); <-ended }()
	go func() {
		defer close(ended)
		for {
			events, _, err := stream.Next(reading, watchWait)
			select {
			case batches <- batch{events, err}:
			case <-reading.Done():
				return
			}
			if err != nil && !pause(reading, watchPause) {
				return
			}
		}
	}()
	for {
		if err := w.draw(out, state); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-resized:
			continue
		case b := <-batches:
			events := append(state.events, b.events...)
			next, err := w.state(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil {
				err = b.err
			} else {
				next = state
			}
			next.events, next.notice = events[max(0, len(events)-shownEvents):], ""
			if err != nil {
				next.notice = fmt.Sprintf("What is shown is as of %s: %v. Trying again.", clockText(state.AsOf), err)
			}
			state = next
		}
		if !pause(ctx, watchPause) {
			return ctx.Err()
		}
	}
}

// draw shows the state on the terminal, as much of it as fits.
func (w *watcher) draw(out io.Writer, s watchState) error {
	height := 24
	if f, ok := out.(*os.File); ok {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 0 {
			height = rows
		}
	}
	width := screenWidth(w.app.stdout)
	ascii := asciiOnly(w.app.stdout)
	lines := append([]string{cut("etfcast watch  "+s.AsOf.UTC().Format("2006-01-02 15:04:05 UTC")+"  Ctrl-C ends it", max(width, 4), "."), ""}, s.picture(width, ascii)...)
	if len(lines) > height {
		lines = append(lines[:height-1:height-1], cut(fmt.Sprintf("%d more lines: make the window higher", len(lines)-height+1), max(width, 4), "."))
	}
	_, err := io.WriteString(out, toTop+strings.Join(lines, toLineEnd+"\r\n")+toLineEnd+toScreenEnd)
	return err
}

// state reads how everything stands.
func (w *watcher) state(ctx context.Context) (watchState, error) {
	s := watchState{AsOf: w.svc.Now().UTC(), Exchanges: []watchExchange{}}
	for _, x := range w.exchanges {
		if w.only == "" && !slices.Contains(etf.HomeExchanges(), x) {
			if etfs, _, err := w.svc.ETFs(ctx, string(x), "", 1); err != nil {
				return s, err
			} else if len(etfs) == 0 {
				continue
			}
		}
		at, err := w.exchange(ctx, x, s.AsOf)
		if err != nil {
			return s, err
		}
		s.Exchanges = append(s.Exchanges, at)
	}
	if err := w.late(ctx, s.Exchanges); err != nil {
		return s, err
	}
	found, next, err := w.svc.Findings(ctx, service.FindingQuery{Undecided: true, Limit: service.MaxPage})
	if err != nil {
		return s, err
	}
	for _, f := range found {
		switch shown, err := w.watches(ctx, f.Symbol); {
		case err != nil:
			return s, err
		case shown:
			s.Waiting.Findings++
		}
	}
	all, err := service.ParseWindow("", "")
	if err != nil {
		return s, err
	}
	actions, more, err := w.svc.ActionCalendar(ctx, etf.ActionFilter{Status: etf.Proposed, From: all.From, To: all.To}, 0, "", service.MaxPage)
	if err != nil {
		return s, err
	}
	for _, x := range actions {
		switch shown, err := w.watches(ctx, x.Symbol); {
		case err != nil:
			return s, err
		case shown:
			s.Waiting.Actions++
		}
	}
	s.Waiting.More = more || !next.IsZero()
	return s, nil
}

// late sets which ETFs lack what is due.
func (w *watcher) late(ctx context.Context, exchanges []watchExchange) error {
	report, err := w.fresh.Freshness(ctx, service.FreshnessQuery{Exchange: w.only})
	if err != nil {
		return err
	}
	for i := range exchanges {
		x := &exchanges[i]
		for _, r := range report.Exchanges {
			if r.Exchange == x.Exchange {
				x.DueAt, x.Stale = r.DueAt, r.Stale
			}
		}
		for _, f := range report.Items {
			if f.Exchange == x.Exchange && f.State == etf.FreshnessStale {
				x.Late = append(x.Late, watchLate{f.Symbol, f.Session, f.DueAt, f.StoredAt, f.ForecastAt, int64(f.Late / time.Second)})
			}
		}
		slices.SortStableFunc(x.Late, func(a, b watchLate) int { return cmp.Compare(b.LateSeconds, a.LateSeconds) })
	}
	return nil
}

// watches reports whether the ETF's exchange is shown. An ETF never changes its exchange.
func (w *watcher) watches(ctx context.Context, symbol etf.Symbol) (bool, error) {
	if len(w.exchanges) == len(etf.Exchanges()) {
		return true, nil
	}
	if w.places[symbol] == "" {
		e, err := w.svc.ETF(ctx, string(symbol))
		if err != nil {
			return false, err
		}
		w.places[symbol] = e.Exchange
	}
	return slices.Contains(w.exchanges, w.places[symbol]), nil
}

func (w *watcher) exchange(ctx context.Context, x etf.Exchange, now time.Time) (watchExchange, error) {
	out, err := sessionsAt(x, now)
	if err != nil {
		return out, err
	}
	runs, _, err := w.svc.Runs(ctx, service.RunQuery{Exchange: string(x), Limit: 20})
	if err != nil {
		return out, err
	}
	ended := false
	for _, r := range runs { // the newest first
		if r.Status != etf.RunRunning {
			if ended {
				continue
			}
			ended = true
		}
		run := watchRun{ID: r.ID, Status: r.Status, Done: r.Counts.Done(), Counts: r.Counts, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Error: r.Error}
		if run.Failures, err = w.failuresOf(ctx, r); err != nil {
			return out, err
		}
		out.Runs = append(out.Runs, run)
	}
	return out, nil
}

// sessionsAt says where the exchange's calendar is at the instant.
func sessionsAt(x etf.Exchange, now time.Time) (watchExchange, error) {
	out := watchExchange{Exchange: x, Late: []watchLate{}, Runs: []watchRun{}}
	cal, err := calendar.For(x)
	if err != nil {
		return out, err
	}
	if out.Session, err = cal.LastClosed(now); err != nil {
		return out, err
	}
	if out.ClosedAt, err = cal.Close(out.Session); err != nil {
		return out, err
	}
	if out.NextSession, err = cal.Next(out.Session); err != nil {
		return out, err
	}
	if out.NextOpen, err = cal.Open(out.NextSession); err != nil {
		return out, err
	}
	if out.NextClose, err = cal.Close(out.NextSession); err != nil {
		return out, err
	}
	out.OpenNow = !now.Before(out.NextOpen)
	return out, nil
}

// failuresOf returns the ETFs of the run that did not end well. They are read again only if the run's counts have changed.
func (w *watcher) failuresOf(ctx context.Context, r etf.Run) ([]watchFailure, error) {
	if seen, ok := w.failures[r.ID]; ok && seen.counts == r.Counts && seen.status == r.Status {
		return seen.failures, nil
	}
	failures := []watchFailure{}
	for after, more := etf.Symbol(""), r.Counts.Failed+r.Counts.Quarantined > 0; more; {
		var page []etf.RunETF
		var err error
		if _, page, more, err = w.svc.RunDetail(ctx, r.ID, after, service.MaxPage); err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Symbol
		for _, e := range page {
			if e.Outcome == etf.OutcomeFailed || e.Outcome == etf.OutcomeQuarantined {
				failures = append(failures, watchFailure{e.Symbol, e.Outcome, e.Stage, e.ErrorType, e.ErrorMessage, remedyFor(e)})
			}
		}
	}
	w.failures[r.ID] = seenRun{r.Status, r.Counts, failures}
	return failures, nil
}

// remedyFor says what the operator does about an ETF's result, as docs/operations.md has it.
func remedyFor(e etf.RunETF) string {
	if e.Outcome == etf.OutcomeQuarantined {
		return fmt.Sprintf("`etfcast finding next --symbol %s` shows what to decide", e.Symbol)
	}
	for _, t := range activities.ErrorTypes() {
		if t.Name == e.ErrorType {
			return t.Remedy
		}
	}
	return ""
}
