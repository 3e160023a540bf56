package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// Backfills keeps backfills, and what they have asked for; db.Store implements it. It is part of Store.
type Backfills interface {
	// StartBackfill records that a backfill is asked for, or finds the one that is running, or completed without an ETF that failed (started
	// is false). One that has ended otherwise is running again; with more, one that completed too.
	StartBackfill(ctx context.Context, r etf.BackfillRequest, more bool) (b etf.Backfill, started bool, err error)
	// Backfill returns one backfill; KindNotFound for an unknown ID.
	Backfill(ctx context.Context, id string) (etf.Backfill, error)
	// Backfills returns up to limit backfills after the position, newest first, and the position of the next page.
	Backfills(ctx context.Context, filter etf.BackfillFilter, after etf.Cursor, limit int) (page []etf.Backfill, next etf.Cursor, err error)
	// OpenBackfills returns up to limit of those recorded as running.
	OpenBackfills(ctx context.Context, limit int) ([]etf.Backfill, error)
	// BackfillETFs returns up to limit ETFs of a backfill with what came of them, after the symbol, ascending.
	BackfillETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BackfillETF, error)
	// CountBackfills returns how many backfills are recorded, by status.
	CountBackfills(ctx context.Context) (map[etf.RunStatus]int, error)
	// BackfillAttempts returns the highest attempt at the request whose first attempt has the ID; 0 if there is none.
	BackfillAttempts(ctx context.Context, base string) (int, error)
	// StoredSessions returns the sessions of the window that have a bar, quarantined and held ones included, ascending.
	StoredSessions(ctx context.Context, symbol etf.Symbol, window etf.Window) ([]etf.Session, error)
	// AskedWindows returns what backfills have asked for the ETF, in no order.
	AskedWindows(ctx context.Context, symbol etf.Symbol) ([]etf.BackfillWindow, error)
}

// MaxBackfills is how many backfills run at once.
const MaxBackfills = 2

// NewBackfill asks for a backfill, as the user wrote it.
type NewBackfill struct {
	Exchange string
	Symbols  []string // nil = every ETF of the exchange that is not retired
	From, To string   // sessions; "" for To is the last closed one
	Source   string   // "" = each ETF's sources in order
	Refetch  bool     // the whole history again; From and To are empty then
	Again    bool     // also what an earlier backfill has asked for in vain
}

// StartBackfill checks the whole request and starts the backfill, or finds the newest one that is running or completed with the same
// request; started says which. One that failed or was cancelled, or in which ETFs failed, is started again under its ID, and goes on with
// what is missing. With
// Again, it is asked for anew unless it is running: what sources had no row for is asked again. KindConflict if MaxBackfills are running.
func (s *Service) StartBackfill(ctx context.Context, r NewBackfill) (b etf.Backfill, started bool, err error) {
	q, err := s.checkBackfill(ctx, r)
	if err != nil {
		return b, false, err
	}
	attempts, err := s.store.BackfillAttempts(ctx, q.BaseID())
	if err != nil {
		return b, false, err
	}
	var known etf.Backfill
	if q.Attempt = max(attempts, 1); attempts > 0 {
		if known, err = s.Backfill(ctx, q.ID()); err != nil {
			return b, false, err
		}
		if r.Again && known.Status != etf.RunRunning {
			q.Attempt, known = attempts+1, etf.Backfill{}
		}
	} else if r.Again {
		q.Attempt = 2 // the first attempt does not ask again
	}
	more := false
	if known.Status == etf.RunCompleted && known.Counts.ETFsFailed == 0 {
		if more, err = s.meansMore(ctx, known); err != nil || !more {
			return known, false, err
		}
	}
	if known.Status != etf.RunRunning {
		if err := s.roomForBackfill(ctx); err != nil {
			return b, false, err
		}
	}
	// The record of one that was terminated still says running; its workflow is started again, and plans only what is missing.
	var recorded bool
	if b, recorded, err = s.store.StartBackfill(ctx, q, more); err != nil || b.Status != etf.RunRunning {
		return b, recorded, err
	}
	// The record comes first, so a repeat of a request that failed here starts the workflow that is missing.
	in := workflows.BackfillInput{ID: b.ID, Exchange: b.Exchange, What: etf.Clip(b.BackfillRequest.String(), maxWhat)}
	began, err := s.startRecorded(ctx, recorded, etf.BackfillWorkflowID(b.ID), b.StartedAt, func() (bool, error) { return s.temporal.StartBackfill(ctx, in) })
	return b, recorded || began, err
}

// meansMore reports whether the request of a completed backfill means an ETF now with missing sessions that it has not looked at: one that
// was registered since, or that has taken up the symbol of another.
func (s *Service) meansMore(ctx context.Context, b etf.Backfill) (bool, error) {
	filled := map[etf.Symbol]etf.BackfillETF{}
	for after := etf.Symbol(""); ; {
		rows, err := s.store.BackfillETFs(ctx, b.ID, after, MaxPage)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			filled[row.Symbol], after = row, row.Symbol
		}
		if len(rows) < MaxPage {
			break
		}
	}
	for _, symbol := range b.Symbols {
		e, err := s.store.ETF(ctx, symbol)
		if err != nil {
			return false, err
		}
		if more, err := s.isMore(ctx, b, e, filled); err != nil || more {
			return more, err
		}
	}
	if len(b.Symbols) > 0 {
		return false, nil
	}
	more := false
	err := s.eachETF(ctx, b.Exchange, func(e etf.ETF) (err error) {
		if !more && b.Means(e) {
			more, err = s.isMore(ctx, b, e, filled)
		}
		return err
	})
	return more, err
}

// isMore reports whether a completed backfill, which has the rows, has not looked at this ETF, and something of it is missing.
func (s *Service) isMore(ctx context.Context, b etf.Backfill, e etf.ETF, rows map[etf.Symbol]etf.BackfillETF) (bool, error) {
	row, there := rows[e.Symbol]
	for i := 0; !there && i < len(e.Former); i++ {
		row, there = rows[e.Former[i].Symbol]
	}
	if there = there && !e.CreatedAt.After(b.StartedAt); there && (len(b.Symbols) == 0 || b.Refetch) {
		return false, nil
	}
	if b.Refetch {
		return true, nil
	}
	gaps, err := s.gapsOf(ctx, e, b.Window)
	missing := 0
	for _, g := range gaps {
		missing += g.Sessions
	}
	return missing > 0 && (!there || missing > row.StillMissing), err
}

// roomForBackfill refuses one more while MaxBackfills are running.
func (s *Service) roomForBackfill(ctx context.Context) error {
	open, err := s.store.OpenBackfills(ctx, MaxPage)
	if err != nil {
		return err
	}
	running := 0
	for _, b := range open {
		if b, err = s.joinBackfill(ctx, b); err != nil {
			return err
		}
		if b.Status == etf.RunRunning {
			running++
		}
	}
	if running >= MaxBackfills {
		return &etf.Error{Kind: etf.KindConflict, Field: "body", Message: fmt.Sprintf("%d backfills are running already", running),
			Remedy: "wait until one has ended, or cancel one (`etfcast backfill list --status running`, `etfcast backfill cancel`)"}
	}
	return nil
}

func (s *Service) checkBackfill(ctx context.Context, r NewBackfill) (etf.BackfillRequest, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	q := etf.BackfillRequest{Attempt: 1, Refetch: r.Refetch, Source: r.Source}
	var err error
	q.Exchange, err = etf.ParseExchange(r.Exchange)
	note(err)
	if r.Source != "" && !slices.Contains(etf.SourceNames(), r.Source) {
		note(etf.Invalid("source", fmt.Sprintf("there is no source %q", etf.Clip(r.Source, etf.MaxQuoted)), "leave it out for each ETF's sources in order"))
	}
	symbols, named, err := s.exchangeSymbols(ctx, q.Exchange, r.Symbols)
	if err != nil && etf.KindOf(err) != etf.KindInvalid {
		return q, err
	}
	note(err)
	q.Symbols = symbols
	for i, e := range named {
		if err == nil && q.Source != "" && !etf.HasSource(e.Sources, q.Source) {
			note(etf.Invalid(fmt.Sprintf("symbols[%d]", i), fmt.Sprintf("%s has no source %s", e.Symbol, q.Source), "give it one (`etfcast etf edit "+string(e.Symbol)+"`), or leave source out"))
		}
	}
	if q.Exchange != "" {
		q.Window, err = s.backfillWindow(q.Exchange, r)
		note(err)
	}
	return q, joinSome(errs)
}

// backfillWindow checks from and to. What is not closed yet can't be asked for.
func (s *Service) backfillWindow(exchange etf.Exchange, r NewBackfill) (w etf.Window, err error) {
	cal, err := calendar.For(exchange)
	if err != nil {
		return w, err
	}
	last, err := cal.LastClosed(s.now())
	if err != nil {
		return w, err
	}
	if r.Refetch {
		if r.From != "" || r.To != "" {
			return w, etf.Invalid("refetch", "the whole history is fetched again, not a window of it", "leave out from and to")
		}
		return etf.Window{From: cal.Range().From, To: last}, nil
	}
	if r.From == "" {
		return w, etf.Invalid("from", "the first session is missing", "write it as YYYY-MM-DD, for example 2005-01-03")
	}
	var errs []error
	if w.From, err = etf.ParseSession(r.From); err != nil {
		errs = append(errs, etf.WithField(err, "from"))
	}
	if w.To = last; r.To != "" {
		if w.To, err = etf.ParseSession(r.To); err != nil {
			errs = append(errs, etf.WithField(err, "to"))
		}
	}
	if len(errs) > 0 {
		return w, errors.Join(errs...)
	}
	span := cal.Range()
	switch {
	case w.From < span.From:
		return w, etf.Invalid("from", fmt.Sprintf("the calendar of %s begins on %s", exchange, span.From), "use that day or a later one")
	case w.From > last:
		return w, etf.Invalid("from", fmt.Sprintf("no session from %s on has closed; the last one is %s", w.From, last), "use that session or an earlier one")
	case r.To != "" && w.To < w.From:
		return w, etf.Invalid("to", fmt.Sprintf("%s is before %s", w.To, w.From), "use a later day, or leave it out for the last closed session")
	case w.To > last:
		return w, etf.Invalid("to", fmt.Sprintf("%s has not closed; the last closed session is %s", w.To, last), "use that session or an earlier one, or leave it out")
	case cal.Count(w) == 0:
		return w, etf.Invalid("from", fmt.Sprintf("%s has no session from %s to %s", exchange, w.From, w.To), "use a longer window; `etfcast calendar sessions "+string(exchange)+"` lists the sessions")
	}
	return w, nil
}

// Backfill returns a backfill, with Temporal's status if it is recorded as running: one that was terminated is not left "running".
func (s *Service) Backfill(ctx context.Context, id string) (etf.Backfill, error) {
	b, err := s.store.Backfill(ctx, id)
	if err != nil {
		return b, err
	}
	return s.joinBackfill(ctx, b)
}

func (s *Service) joinBackfill(ctx context.Context, b etf.Backfill) (etf.Backfill, error) {
	if b.Status != etf.RunRunning {
		return b, nil
	}
	o, err := s.observe(ctx, etf.BackfillWorkflowID(b.ID), b.StartedAt)
	if err != nil {
		return b, err
	}
	if o.ended { // between the two reads, or without recording it
		if again, err := s.store.Backfill(ctx, b.ID); err == nil && again.Status != etf.RunRunning {
			return again, nil
		}
	}
	o.apply(&b.Status, &b.FinishedAt, &b.Error)
	return b, nil
}

// BackfillDetail returns a backfill and, for up to limit of its ETFs after the symbol, ascending, what came of them.
func (s *Service) BackfillDetail(ctx context.Context, id string, after etf.Symbol, limit int) (b etf.Backfill, etfs []etf.BackfillETF, more bool, err error) {
	if b, err = s.Backfill(ctx, id); err != nil {
		return b, nil, false, err
	}
	etfs, err = s.store.BackfillETFs(ctx, id, after, limit+1)
	etfs, more = cut(etfs, limit)
	return b, etfs, more, err
}

// BackfillQuery selects backfills.
type BackfillQuery struct {
	Exchange string // "" = every exchange
	Status   string // "" = every status
	After    etf.Cursor
	Limit    int
}

// Filter checks the query and returns the filter for the store and the wanted status ("" = any). Errors are KindInvalid.
func (q BackfillQuery) Filter() (etf.BackfillFilter, etf.RunStatus, error) {
	f, wanted, err := RunQuery{Exchange: q.Exchange, Status: q.Status}.Filter()
	return etf.BackfillFilter{Exchange: f.Exchange, Statuses: f.Statuses}, wanted, err
}

// Backfills returns up to q.Limit backfills, newest first, and the position of the next page: zero after the last. What is recorded as
// running is joined with Temporal's state, and left unchanged if it can't be reached. A page may have fewer than Limit even if more follow.
func (s *Service) Backfills(ctx context.Context, q BackfillQuery) (page []etf.Backfill, next etf.Cursor, err error) {
	f, wanted, err := q.Filter()
	if err := errors.Join(err, checkLimit(q.Limit)); err != nil {
		return nil, next, err
	}
	if page, next, err = s.store.Backfills(ctx, f, q.After, q.Limit); err != nil {
		return nil, next, err
	}
	ctx, stop := context.WithTimeout(ctx, 2*queryTimeout)
	defer stop()
	inParallel(len(page), func(i int) {
		if b, err := s.joinBackfill(ctx, page[i]); err == nil {
			page[i] = b
		}
	})
	return slices.DeleteFunc(page, func(b etf.Backfill) bool { return wanted != "" && b.Status != wanted }), next, nil
}

// CancelBackfill requests the cancellation of a backfill and returns its current state, which is still running until it has stopped. What
// it has stored stays. KindConflict if it has ended, KindNotFound if there is none.
func (s *Service) CancelBackfill(ctx context.Context, id string) (etf.Backfill, error) {
	return s.tellBackfill(ctx, id, "cancelled", func() error { return s.temporal.Cancel(ctx, etf.BackfillWorkflowID(id)) })
}

// PauseBackfill makes a backfill start no further window, and ResumeBackfill go on. They return its state, as it is going to be. A repeat
// changes nothing. KindConflict if it has ended, KindNotFound if there is none.
func (s *Service) PauseBackfill(ctx context.Context, id string) (etf.Backfill, error) {
	b, err := s.tellBackfill(ctx, id, "paused", func() error { return s.temporal.PauseBackfill(ctx, id) })
	b.Paused = true
	return b, err
}

// ResumeBackfill is described with PauseBackfill.
func (s *Service) ResumeBackfill(ctx context.Context, id string) (etf.Backfill, error) {
	b, err := s.tellBackfill(ctx, id, "resumed", func() error { return s.temporal.ResumeBackfill(ctx, id) })
	b.Paused = false
	return b, err
}

func (s *Service) tellBackfill(ctx context.Context, id, what string, tell func() error) (etf.Backfill, error) {
	b, err := s.Backfill(ctx, id)
	if err != nil {
		return b, err
	}
	if b.Status == etf.RunRunning {
		err := tell()
		if err == nil {
			return b, nil
		}
		if etf.KindOf(err) != etf.KindNotFound {
			return b, err
		}
		if b, err = s.Backfill(ctx, id); err != nil {
			return b, err
		}
	}
	return b, &etf.Error{Kind: etf.KindConflict, Field: "id", Message: fmt.Sprintf("backfill %s has already ended: it is %s", id, b.Status),
		Remedy: "only a running backfill can be " + what}
}

// CountBackfills returns how many backfills are recorded, by status; one that was terminated in Temporal counts as running until it is
// started again.
func (s *Service) CountBackfills(ctx context.Context) (map[etf.RunStatus]int, error) {
	return s.store.CountBackfills(ctx)
}

// BackfillURL returns the URL of a backfill in Temporal's Web UI, or "" if the UI's URL is not known.
func (s *Service) BackfillURL(id string) string { return s.workflowURL(etf.BackfillWorkflowID(id)) }
