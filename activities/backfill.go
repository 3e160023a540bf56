package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Backfills keeps backfills, and what they have asked for.
type Backfills interface {
	// Backfill returns a backfill with its counts; KindNotFound for an unknown ID. BackfillRecord returns it without them: they are read from all
	// its ETFs.
	Backfill(ctx context.Context, id string) (etf.Backfill, error)
	BackfillRecord(ctx context.Context, id string) (etf.Backfill, error)
	// PlanBackfill stores the ETFs of the backfill, each with how many sessions are missing. The first plan stands.
	PlanBackfill(ctx context.Context, id string, etfs []etf.BackfillETF) (etf.BackfillCounts, error)
	// PendingBackfillETFs returns up to limit ETFs that have not ended, after the symbol, ascending.
	PendingBackfillETFs(ctx context.Context, id string, after etf.Symbol, limit int) ([]etf.BackfillETF, error)
	// AdvanceBackfillETF records what came of one request, if there was one, and how far the ETF is then, in one transaction, and returns the
	// backfill's counts. next is given the ETF's row and what backfills have asked for the ETF, that request included, in no order, and returns the
	// row with the Status, SessionsDone, StillMissing and Error to record. It may be called several times. A repeat changes nothing.
	AdvanceBackfillETF(ctx context.Context, id string, symbol etf.Symbol, request *etf.BackfillWindow, next func(etf.BackfillETF, []etf.BackfillWindow) etf.BackfillETF) (etf.BackfillCounts, error)
	// SetBackfillWait records what a running backfill waits for.
	SetBackfillWait(ctx context.Context, id string, w etf.BackfillWait) error
	// FinishBackfill records how a backfill ended. A repeat changes nothing.
	FinishBackfill(ctx context.Context, end etf.BackfillEnd) error
	// StoredSessions returns the sessions of the window that have a bar, quarantined and held ones included, ascending.
	StoredSessions(ctx context.Context, symbol etf.Symbol, window etf.Window) ([]etf.Session, error)
}

// Backfilling plans backfills and records what comes of them. It only talks to the database.
type Backfilling struct {
	Store    Backfills
	Registry Registry
	ETFs     interface {
		// ETFs returns up to limit ETFs of the exchange after the symbol, ascending, retired ones included.
		ETFs(ctx context.Context, exchange etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error)
	}
	Runs Runs
	Now  func() time.Time
}

// BackfillInput names a backfill.
type BackfillInput struct {
	ID string `json:"id"`
}

// BackfillPlan says what a backfill has to do, and has done.
type BackfillPlan struct {
	Counts    etf.BackfillCounts `json:"counts"`
	Paused    bool               `json:"paused,omitempty"`
	StartedAt time.Time          `json:"started_at"`
	// Round is the newest block of days (DayBlock) that can be missing.
	Round etf.Session `json:"round"`
}

// PlanBackfill finds the ETFs of the backfill and how many sessions of each are missing, once: a repeat finds the first plan. Retired
// ETFs are not among those of a whole exchange.
func (a *Backfilling) PlanBackfill(ctx context.Context, in BackfillInput) (BackfillPlan, error) {
	b, err := a.Store.Backfill(ctx, in.ID)
	if err != nil {
		return BackfillPlan{}, err
	}
	plan := BackfillPlan{Counts: b.Counts, Paused: b.Paused, StartedAt: b.StartedAt, Round: dayBlock(b.Window.To)}
	if b.Counts.ETFs > 0 {
		return plan, nil
	}
	var list []etf.BackfillETF
	add := func(e etf.ETF) error {
		if len(b.Symbols) == 0 && !b.Means(e) {
			return nil
		}
		row := etf.BackfillETF{Symbol: e.Symbol, Status: etf.RunRunning}
		f, err := a.fillOf(ctx, b, e)
		switch {
		case err != nil && etf.KindOf(err) == etf.KindInvalid:
			row.Status, row.Error = etf.RunFailed, etf.Clip(err.Error(), errorText)
		case err != nil:
			return err
		default:
			if row.Sessions = len(f.missing); b.Refetch {
				row.Sessions = len(f.wanted)
			}
			if row.Sessions == 0 {
				row.Status = etf.RunCompleted
			}
		}
		if slices.ContainsFunc(list, func(other etf.BackfillETF) bool { return other.Symbol == e.Symbol }) {
			return nil // it was named by two of its symbols
		}
		list = append(list, row)
		Progress(ctx, len(list))
		return nil
	}
	if err := a.each(ctx, b, add); err != nil {
		return BackfillPlan{}, err
	}
	if len(list) == 0 {
		return BackfillPlan{}, etf.Invalid("exchange", fmt.Sprintf("no ETF of %s is to be filled in", b.Exchange), "register ETFs first (`etfcast etf add`), or name another exchange or source")
	}
	plan.Counts, err = a.Store.PlanBackfill(ctx, in.ID, list)
	return plan, err
}

// each calls f with the ETFs of the backfill, ascending by symbol.
func (a *Backfilling) each(ctx context.Context, b etf.Backfill, f func(etf.ETF) error) error {
	for _, symbol := range b.Symbols {
		e, err := a.Registry.ETF(ctx, symbol)
		if err != nil {
			return err
		}
		if err := f(e); err != nil {
			return err
		}
	}
	if len(b.Symbols) > 0 {
		return nil
	}
	for after := etf.Symbol(""); ; {
		page, err := a.ETFs.ETFs(ctx, b.Exchange, after, planPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
			after = e.Symbol
		}
		if len(page) < planPage {
			return nil
		}
	}
}

// PendingBackfillInput asks for a page of the ETFs that have not ended.
type PendingBackfillInput struct {
	ID    string     `json:"id"`
	After etf.Symbol `json:"after"`
	Limit int        `json:"limit"`
}

// PendingBackfillResult is a page, ascending. A page shorter than the limit is the last.
type PendingBackfillResult struct {
	Symbols []etf.Symbol `json:"symbols"`
}

// PendingBackfill returns a page of the ETFs for which the backfill has not ended.
func (a *Backfilling) PendingBackfill(ctx context.Context, in PendingBackfillInput) (PendingBackfillResult, error) {
	list, err := a.Store.PendingBackfillETFs(ctx, in.ID, in.After, in.Limit)
	r := PendingBackfillResult{Symbols: make([]etf.Symbol, len(list))}
	for i, e := range list {
		r.Symbols[i] = e.Symbol
	}
	return r, err
}

// AdvanceInput says what came of the last window of an ETF, and asks for the next.
type AdvanceInput struct {
	ID     string     `json:"id"`
	Symbol etf.Symbol `json:"symbol"`
	// Last is the window that was asked for; nil at first.
	Last *AskedWindow `json:"last,omitempty"`
	// LeftOut are sources that are not to be asked now, because they fail: the next one is, if there is one.
	LeftOut []string `json:"skip,omitempty"`
	// Round is the block of days that sources are asked for now one response of which has every ETF; older ones come later. Zero: any is.
	Round etf.Session `json:"round,omitzero"`
}

// AskedWindow is a window and what came of it.
type AskedWindow struct {
	Source string        `json:"source"`
	Window etf.Window    `json:"window"`
	Whole  bool          `json:"whole,omitempty"`
	Fetch  string        `json:"fetch,omitempty"`
	Stored etf.Persisted `json:"stored,omitzero"`
	// ErrorType and Error say why it failed; empty if it was answered.
	ErrorType string `json:"error_type,omitempty"`
	Error     string `json:"error,omitempty"`
}

// NotReplaced is the ErrorType of a window whose response, the whole history, was not let replace what is stored.
const NotReplaced = "NotReplaced"

// AdvanceResult is the next window to ask for, if any.
type AdvanceResult struct {
	Counts etf.BackfillCounts `json:"counts"`
	// Done: nothing is left to ask for. Waiting: only sources to skip could have what is left.
	Done    bool `json:"done,omitempty"`
	Waiting bool `json:"waiting,omitempty"`
	// WaitsFor are those sources.
	WaitsFor []string `json:"waits_for,omitempty"`
	// Later is the block of days that the ETF is to be asked for next, if that is older than the round.
	Later etf.Session `json:"later,omitzero"`

	// Symbol is the ETF's now: it may have been renamed since the backfill was planned.
	Symbol   etf.Symbol    `json:"symbol,omitempty"`
	Exchange etf.Exchange  `json:"exchange,omitempty"`
	Currency etf.Currency  `json:"currency,omitempty"`
	Source   etf.SourceRef `json:"source,omitzero"`
	Basis    etf.Basis     `json:"basis,omitempty"` // of the series, if its sources have several (etf.SeriesBasis)
	Window   etf.Window    `json:"window,omitzero"`
	// Request is what to ask the source for: the window, and the stored sessions next to it, which show whether the rows are on their level.
	Request etf.Window `json:"request,omitzero"`
	// Replaces: the whole history is to replace stored bars; if it may not, the window has failed as NotReplaced.
	Replaces bool `json:"replaces,omitempty"`
	// Revise: rows of stored sessions are stored too, where they differ.
	Revise bool `json:"revise,omitempty"`
	// Whole: the whole history is to be fetched and taken over, up to the end of the window.
	Whole bool `json:"whole,omitempty"`
}

// AdvanceBackfill records what came of the last window of an ETF, and returns the next: the newest missing sessions that a source has
// not been asked for yet, so that the stored series grows without holes. What it returns follows from what is stored, so a repeat
// returns the same. If nothing is left to ask for, it records the ETF's end.
func (a *Backfilling) AdvanceBackfill(ctx context.Context, in AdvanceInput) (AdvanceResult, error) {
	b, err := a.Store.BackfillRecord(ctx, in.ID)
	if err != nil {
		return AdvanceResult{}, err
	}
	var f *fill
	var impossible error // why the ETF can't be filled in
	e, err := a.Registry.ETF(ctx, in.Symbol)
	if err == nil {
		f, err = a.fillOf(ctx, b, e)
	}
	switch {
	case err == nil:
	case etf.KindOf(err) == etf.KindNotFound || etf.KindOf(err) == etf.KindInvalid:
		impossible = err
	default:
		return AdvanceResult{}, err
	}
	var next AdvanceResult
	counts, err := a.Store.AdvanceBackfillETF(ctx, in.ID, in.Symbol, in.request(), func(row etf.BackfillETF, asked []etf.BackfillWindow) etf.BackfillETF {
		switch {
		case row.Status != etf.RunRunning:
			next = AdvanceResult{Done: true}
		case impossible != nil:
			next = AdvanceResult{Done: true}
			row.Status, row.SessionsDone, row.StillMissing, row.Error = etf.RunFailed, row.Sessions, row.Sessions, etf.Clip(impossible.Error(), errorText)
		default:
			f.asked = asked
			next = f.next(in.LeftOut)
			row = f.progress(row, next.Done)
		}
		return row
	})
	if err != nil {
		return AdvanceResult{}, err
	}
	next.Counts = counts
	if next.Done {
		return next, nil
	}
	next.Symbol, next.Exchange, next.Currency, next.Basis = e.Symbol, e.Exchange, e.Currency, etf.SeriesBasis(e.Sources)
	if !next.Whole && !next.Waiting {
		next.Request = f.around(next.Window, traitsOf(next.Source))
	}
	if block := dayBlock(next.Window.To); etf.Source(next.Source.Name).DayResponses && !next.Whole && block < in.Round {
		return AdvanceResult{Counts: next.Counts, Later: block}, nil
	}
	return next, nil
}

// request is what came of the last window; nil if there is none.
func (in AdvanceInput) request() *etf.BackfillWindow {
	l := in.Last
	if l == nil {
		return nil
	}
	return &etf.BackfillWindow{
		Source: l.Source, Window: l.Window, Whole: l.Whole, Fetch: l.Fetch, ErrorType: l.ErrorType, Error: l.Error,
		RowsNew: l.Stored.New, RowsUnchanged: l.Stored.Unchanged, RowsRevised: l.Stored.Revised, RowsQuarantined: l.Stored.Quarantined,
	}
}

// progress returns the ETF's row after next has been called; with done, nothing is left to ask for.
func (f *fill) progress(row etf.BackfillETF, done bool) etf.BackfillETF {
	if !done {
		if n := min(max(row.Sessions-f.left, 0), row.Sessions); n != row.SessionsDone {
			row.SessionsDone, row.StillMissing = n, max(len(f.missing)-f.left, 0)
		}
		return row
	}
	missing := len(f.missing)
	if f.request.Refetch {
		missing = 0
	}
	row.Status, row.SessionsDone, row.StillMissing, row.Error = etf.RunCompleted, row.Sessions, missing, ""
	if why := f.failure(); why != "" && (missing > 0 || f.request.Refetch && !f.answeredWhole()) {
		row.Status, row.Error = etf.RunFailed, why
	}
	return row
}

// SetBackfillWaitInput says what a backfill waits for.
type SetBackfillWaitInput struct {
	ID     string    `json:"id"`
	For    string    `json:"for,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Paused bool      `json:"paused,omitempty"`
}

// SetBackfillWait records what a backfill waits for; nothing if both are empty.
func (a *Backfilling) SetBackfillWait(ctx context.Context, in SetBackfillWaitInput) error {
	return a.Store.SetBackfillWait(ctx, in.ID, etf.BackfillWait{For: in.For, Until: in.Until, Paused: in.Paused})
}

// FinishBackfillInput says how a backfill ended.
type FinishBackfillInput struct {
	ID     string        `json:"id"`
	Status etf.RunStatus `json:"status"`
	Reason string        `json:"reason,omitempty"`
}

// FinishBackfill deletes the staged rows that the backfill leaves, and records how it ended, as FinishRun does. What it has stored stays.
func (a *Backfilling) FinishBackfill(ctx context.Context, in FinishBackfillInput) error {
	switch n, err := a.Runs.DiscardStaged(ctx, etf.BackfillRunID(in.ID)); {
	case err != nil: // the end of the next run does it
		activity.GetLogger(ctx).Warn("staged rows not discarded", "backfill", in.ID, "error", err)
	case n > 0:
		activity.GetLogger(ctx).Info("staged rows discarded", "fetches", n)
	}
	return a.Store.FinishBackfill(ctx, etf.BackfillEnd{ID: in.ID, Status: in.Status, Error: in.Reason})
}

// The sizes of windows.
const (
	// windowDays is the most calendar days that a window spans if the source sets no limit: eight years, 2,000 rows. Memory and the length
	// of a transaction are bounded by it, and at least four years are judged together.
	windowDays = 8*365 + 2
	// mergeDays is the most calendar days between two missing sessions of one window, unless requests are scarce: three months of rows that
	// are stored already cost less than another request.
	mergeDays = 92
	// blockDays is how many calendar days the ETFs of an exchange are asked for together if one response has every ETF of a session: the
	// adapter keeps the responses of that many sessions, so that each is asked for once. All blocks are counted from the same day.
	blockDays = 28
	// mostFailures is after how many failed windows a source is not asked for the ETF any more.
	mostFailures = 3
	// overlapSessions is how many stored sessions on each side of a window are asked for again, if they are no more than overlapDays away: rows
	// on another level than the stored ones show there.
	overlapSessions = 5
	overlapDays     = 15
)

// fill is what is missing of one ETF, and what has been asked for.
type fill struct {
	request etf.Backfill
	sources []etf.SourceRef
	// compared are those of the sources that have another basis than the series: they are not asked.
	compared []string
	wanted   []etf.Session // within the window and the ETF's listing, and closed
	missing  []etf.Session // of those, without a bar
	stored   []etf.Session // within the window and overlapDays around it
	first    etf.Session   // first stored session of all; zero if there is none
	asked    []etf.BackfillWindow
	last     etf.Session // last closed session
	today    etf.Session
	cal      *calendar.Calendar
	left     int // of missing, that a source is still to be asked for; set by next
}

// fillOf finds what is missing of an ETF. Errors of KindInvalid say why it can't be filled in.
func (a *Backfilling) fillOf(ctx context.Context, b etf.Backfill, e etf.ETF) (*fill, error) {
	cal, err := calendar.For(e.Exchange)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	f := &fill{request: b, cal: cal, today: etf.SessionOf(now.UTC()), first: e.First}
	if f.last, err = cal.LastClosed(now); err != nil {
		return nil, err
	}
	for _, ref := range e.Sources {
		if b.Source == "" || ref.Name == b.Source {
			f.sources = append(f.sources, ref)
		}
	}
	if len(f.sources) == 0 {
		what := "a source"
		if b.Source != "" {
			what = "the source " + b.Source
		}
		return nil, etf.Invalid("sources", fmt.Sprintf("%s does not have %s", e.Symbol, what), "give it one: `etfcast etf edit "+string(e.Symbol)+" --source NAME`")
	}
	window := etf.Window{From: max(b.Window.From, e.Listed), To: min(b.Window.To, f.last)}
	if !e.Delisted.IsZero() {
		window.To = min(window.To, e.Delisted)
	}
	if window.From > window.To {
		return f, nil
	}
	f.wanted = cal.Sessions(window)
	f.stored, err = a.Store.StoredSessions(ctx, e.Symbol, etf.Window{From: window.From.AddDays(-overlapDays), To: window.To.AddDays(overlapDays)})
	if err != nil {
		return nil, err
	}
	if f.missing = Missing(f.wanted, f.stored); len(f.missing) == 0 && !b.Refetch {
		return f, nil
	}
	return f, f.leaveOutCompared(e)
}

// leaveOutCompared finds the sources of the fill whose prices can't be those of the ETF's series, and returns an error if no other is left.
func (f *fill) leaveOutCompared(e etf.ETF) error {
	f.compared = e.ComparedOnly()
	for i, ref := range f.sources {
		if f.asks(i, ref.Name) {
			return nil
		}
	}
	basis := e.Series().Phrase()
	if f.request.Source != "" {
		return etf.Invalid("source", fmt.Sprintf("%s's prices are %s, but the series of %s is %s: they are only compared with it, and can't fill it in", f.request.Source, etf.Source(f.request.Source).Basis, e.Symbol, basis),
			"start the backfill without a source (`etfcast backfill start` without --source), or name another one: `etfcast etf sources "+string(e.Symbol)+"` lists them")
	}
	return etf.Invalid("sources", fmt.Sprintf("the series of %s is %s, and none of its sources fills in such prices", e.Symbol, basis), "put one first that has them: `etfcast etf edit "+string(e.Symbol)+" --source NAME`")
}

// asks reports whether the source, at that place among those of the fill, is asked for the ETF's sessions.
func (f *fill) asks(place int, source string) bool {
	return !slices.Contains(f.compared, source) && (etf.Source(source).Completes(place) || f.request.Source != "")
}

// Missing returns the sessions that are not stored; both are ascending.
func Missing(sessions, stored []etf.Session) []etf.Session {
	var missing []etf.Session
	i := 0
	for _, s := range sessions {
		for i < len(stored) && stored[i] < s {
			i++
		}
		if i == len(stored) || stored[i] != s {
			missing = append(missing, s)
		}
	}
	return missing
}

// counts reports whether a window says something to this backfill: what was answered does unless the request asks again, what failed
// only since this backfill was started.
func (f *fill) counts(w etf.BackfillWindow) bool {
	own := w.Backfill == f.request.ID
	if w.ErrorType != "" {
		return own && !w.AskedAt.Before(f.request.StartedAt)
	}
	return own || !f.request.Again() && !f.request.Refetch
}

// excluded reports whether the source is not to be asked for this ETF any more: it does not have it, or has failed too often.
func (f *fill) excluded(source string) bool {
	failures := 0
	for _, w := range f.asked {
		if w.Source != source || w.ErrorType == "" || !f.counts(w) {
			continue
		}
		switch w.ErrorType {
		case TypeSourceNotFound, TypeSourceDenied, TypeSourceMismatch, TypeSourceInvalid, TypeNoWorker:
			return true
		}
		failures++
	}
	return failures >= mostFailures
}

// answeredWhole reports whether this backfill has the whole history of the ETF.
func (f *fill) answeredWhole() bool {
	return slices.ContainsFunc(f.asked, func(w etf.BackfillWindow) bool {
		return w.Whole && w.ErrorType == "" && w.Backfill == f.request.ID
	})
}

// failure says why a source has failed; empty if none has. One that is only compared with has not: it may have been asked before that was so.
func (f *fill) failure() string {
	var newest etf.BackfillWindow
	for _, w := range f.asked {
		if w.ErrorType == TypeSourceMismatch && slices.Contains(f.compared, w.Source) {
			continue
		}
		if w.ErrorType != "" && f.counts(w) && !w.AskedAt.Before(newest.AskedAt) {
			newest = w
		}
	}
	if newest.ErrorType == "" {
		return ""
	}
	return etf.Clip(newest.Source+": "+newest.ErrorType+": "+newest.Error, errorText)
}

// traitsOf returns the traits of a source, with the depth that the reference has there.
func traitsOf(ref etf.SourceRef) etf.SourceTraits {
	traits := etf.Source(ref.Name)
	traits.Depth = traits.DepthOf(ref.Ref)
	return traits
}

// next returns what to ask for next, and sets f.left.
func (f *fill) next(skip []string) AdvanceResult {
	if f.request.Refetch {
		return f.nextWhole(skip)
	}
	var best AdvanceResult
	var waiting []string
	open := map[etf.Session]bool{}
	for i, ref := range f.sources {
		traits := traitsOf(ref)
		if !f.asks(i, ref.Name) || f.excluded(ref.Name) {
			continue
		}
		todo := f.askable(f.missing, traits)
		for _, s := range todo {
			open[s] = true
		}
		if len(todo) == 0 || best.Source.Name != "" {
			continue
		}
		if slices.Contains(skip, ref.Name) {
			waiting = append(waiting, ref.Name)
			continue
		}
		best = AdvanceResult{Source: ref}
		if traits.Restated {
			best.Whole, best.Window = true, etf.Window{From: f.request.Window.From, To: f.last}
		} else {
			best.Window = newestWindow(todo, traits)
		}
	}
	if f.left = len(open); best.Source.Name == "" {
		best = waitFor(waiting)
	}
	return best
}

// waitFor is the result if only these sources could have what is left.
func waitFor(sources []string) AdvanceResult {
	return AdvanceResult{Waiting: len(sources) > 0, Done: len(sources) == 0, WaitsFor: sources}
}

// nextWhole is next for a refetch. A source that answers with one session has no whole history: its sessions are asked for block by block,
// from the first stored one on if it is not known when the ETF was listed.
func (f *fill) nextWhole(skip []string) AdvanceResult {
	if f.answeredWhole() || f.refusedWhole() || len(f.wanted) == 0 {
		return AdvanceResult{Done: true}
	}
	f.left = len(f.wanted)
	var waiting []string
	for i, ref := range f.sources {
		traits := traitsOf(ref)
		if !f.asks(i, ref.Name) || f.excluded(ref.Name) || f.failedWhole(ref.Name) {
			continue
		}
		var todo []etf.Session
		if traits.DayResponses {
			from, _ := slices.BinarySearch(f.wanted, f.first)
			if todo = f.askable(f.wanted[from:], traits); len(todo) == 0 {
				f.left = 0
				return AdvanceResult{Done: true}
			}
			f.left = len(todo)
		}
		if slices.Contains(skip, ref.Name) {
			waiting = append(waiting, ref.Name)
			continue
		}
		if traits.DayResponses {
			return AdvanceResult{Source: ref, Revise: true, Window: newestWindow(todo, traits)}
		}
		return AdvanceResult{Source: ref, Whole: true, Replaces: len(f.stored) > 0, Window: etf.Window{From: f.request.Window.From, To: f.last}}
	}
	return waitFor(waiting)
}

// refusedWhole reports whether a source has sent the whole history, and it was not let replace what is stored: another one is not asked then.
func (f *fill) refusedWhole() bool {
	return slices.ContainsFunc(f.asked, func(w etf.BackfillWindow) bool { return w.Whole && w.ErrorType == NotReplaced && f.counts(w) })
}

func (f *fill) failedWhole(source string) bool {
	return slices.ContainsFunc(f.asked, func(w etf.BackfillWindow) bool {
		return w.Source == source && w.Whole && w.ErrorType != "" && f.counts(w)
	})
}

// reach returns the first session that the source can have; zero if it sets no limit.
func (f *fill) reach(traits etf.SourceTraits) etf.Session {
	return f.cal.Reach(traits.Depth, f.last, f.today)
}

// around returns the window with the stored sessions next to it, as far as the source reaches and its windows may be long.
func (f *fill) around(w etf.Window, traits etf.SourceTraits) etf.Window {
	if traits.DayResponses {
		return w
	}
	long := func(to, from etf.Session) bool { return traits.Window > 0 && int(to-from) >= traits.Window }
	request := w
	at, _ := slices.BinarySearch(f.stored, w.To.AddDays(1))
	for _, s := range f.stored[at:min(at+overlapSessions, len(f.stored))] {
		if s <= w.To.AddDays(overlapDays) && !long(s, request.From) {
			request.To = s
		}
	}
	at, _ = slices.BinarySearch(f.stored, w.From)
	for _, s := range slices.Backward(f.stored[max(at-overlapSessions, 0):at]) {
		if s >= w.From.AddDays(-overlapDays) && s >= f.reach(traits) && !long(request.To, s) {
			request.From = s
		}
	}
	return request
}

// askable returns those of the sessions that the source may have and has not been asked for; both are ascending.
func (f *fill) askable(sessions []etf.Session, traits etf.SourceTraits) []etf.Session {
	from := f.reach(traits)
	var spans []etf.Window
	for _, w := range f.asked {
		switch {
		case w.Source != traits.Name || !f.counts(w):
		case w.Backfill == f.request.ID:
			spans = append(spans, w.Window)
		default:
			spans = append(spans, w.Settled())
		}
	}
	slices.SortFunc(spans, func(a, b etf.Window) int { return int(a.From) - int(b.From) })
	var todo []etf.Session
	i, until := 0, etf.Session(-1<<31) // every span that begins by the session ends by until
	for _, s := range sessions {
		for ; i < len(spans) && spans[i].From <= s; i++ {
			until = max(until, spans[i].To)
		}
		if s > until && (from.IsZero() || s >= from) {
			todo = append(todo, s)
		}
	}
	return todo
}

// dayBlock returns the first day of the block that a day is in.
func dayBlock(day etf.Session) etf.Session {
	n := int(day) % blockDays
	if n < 0 {
		n += blockDays
	}
	return day.AddDays(-n)
}

// newestWindow returns the largest window that ends with the newest of the sessions and suits the source.
func newestWindow(todo []etf.Session, traits etf.SourceTraits) etf.Window {
	span, merge := windowDays, mergeDays
	if traits.Window > 0 {
		span = min(span, traits.Window)
		if traits.Window > 4*overlapDays { // with room for the stored sessions around it
			span = min(span, traits.Window-2*overlapDays)
		}
	}
	if traits.Quota > 0 {
		merge = span // a request costs more than rows
	}
	last := todo[len(todo)-1]
	first := len(todo) - 1
	if traits.DayResponses {
		for first > 0 && todo[first-1] >= dayBlock(last) {
			first--
		}
		return etf.Window{From: todo[first], To: last}
	}
	for first > 0 && int(last-todo[first-1]) < span && int(todo[first]-todo[first-1]) <= merge {
		first--
	}
	return etf.Window{From: todo[first], To: last}
}
