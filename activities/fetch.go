package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// TrailingSessions is how many sessions before the last stored one in use every update fetches again: three weeks of trading.
// Providers fill gaps and correct volumes and closes within days, and an exchange corrects a trade within two weeks at
// most; fetching more would only add rows that have not changed.
const TrailingSessions = 15

// saveTime is how much of its timeout a fetch reserves for storing the response.
const saveTime = 30 * time.Second

// Fetching fetches from one source.
type Fetching struct {
	Store Fetches
	// States are the breakers and quotas; nil means that there are none.
	States SourceStates
	Source Source
	// Quota is the limit of requests per day, over all workers; 0 means no limit.
	Quota int
	Now   func() time.Time

	etfs   sourceCounts
	usedUp usedUp
}

// FetchInput asks for one ETF's bars up to and including Session.
type FetchInput struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Currency etf.Currency `json:"currency"`
	Session  etf.Session  `json:"session"`
	Ref      string       `json:"ref"`
	Run      etf.RunID    `json:"run"`
	// Until is when the update must not wait for a source any longer; zero for no limit.
	Until time.Time `json:"until,omitzero"`
	// Whole asks for the whole history, whatever is stored.
	Whole bool `json:"whole,omitempty"`
	// Window asks for these sessions exactly, whatever is stored; Session is its last then.
	Window etf.Window `json:"window,omitzero"`
	// Basis is that of the series, if the ETF's sources have several (etf.SeriesBasis): a source of another one is not asked.
	Basis etf.Basis `json:"basis,omitempty"`
	// Check: the response is only compared with another source's, so that its basis does not matter; the window is that of a second
	// opinion.
	Check bool `json:"check,omitempty"`
	// Behind: for a backfill, which leaves a source the requests that the daily runs of the day need.
	Behind bool `json:"behind,omitempty"`
}

// FetchResult refers to a stored response.
type FetchResult struct {
	Fetch      string      `json:"fetch"`
	Rows       int         `json:"rows"`
	Last       etf.Session `json:"last,omitzero"`     // newest session among the rows
	HasSession bool        `json:"has_session"`       // the requested session is among them
	Empty      bool        `json:"empty,omitempty"`   // no row, no action and no defect: nothing to validate
	Attempt    int32       `json:"attempt,omitempty"` // of this activity
	// Unfinished says why the source's data may not be complete yet (etf.Response); empty if there is no sign of it.
	Unfinished string `json:"unfinished,omitempty"`
}

// Fetch fetches the whole history of an ETF without stored bars, and if it is asked to, otherwise from TrailingSessions before
// the last stored session in use on, and stores the raw response and the staged rows. It returns a reference to them.
//
// A response that can't be parsed, or has another basis or currency, is an error; its body is kept all the same. Prices that the source says
// are in another unit of the ETF's money, pence instead of pounds, are converted.
//
// The fetch's ID is a hash of the workflow run and the activity, so it is the same for every attempt. An attempt that
// finds the stored response of an earlier one returns that: however many attempts it takes, one fetch has one response.
//
// The source is not asked while its breaker is open or its daily quota is used up. Each attempt counts as a request; one for a backfill or a
// comparison leaves the daily runs what they need of the quota.
func (a *Fetching) Fetch(ctx context.Context, in FetchInput) (FetchResult, error) {
	info := activity.GetInfo(ctx)
	id := fetchID(info.WorkflowExecution.RunID, info.ActivityID)
	if info.Attempt > 1 {
		staged, err := a.Store.Staged(ctx, id)
		if err == nil {
			return fetchResult(staged.Bars, staged.Defects, len(staged.Actions), id, in.Session, info.Attempt), nil
		}
		if etf.KindOf(err) != etf.KindNotFound {
			return FetchResult{}, err
		}
	}
	stored, err := a.Store.Stored(ctx, in.Symbol)
	if err != nil {
		return FetchResult{}, err
	}
	if in.Check {
		in.Basis, stored.Basis = "", ""
		if in.Window, err = checkWindow(in.Exchange, in.Session); err != nil {
			return FetchResult{}, err
		}
	}
	if err := otherBasis(a.Source.Name(), in, stored); err != nil {
		return FetchResult{}, &sourceError{source: a.Source.Name(), mismatch: true, err: err}
	}
	window := in.Window
	if window == (etf.Window{}) {
		if window, err = fetchWindow(in.Exchange, in.Session, stored, in.Whole); err != nil {
			return FetchResult{}, err
		}
		if window, err = limited(window, in.Exchange, etf.Source(a.Source.Name())); err != nil {
			return FetchResult{}, err
		}
	}
	now := a.Now()
	// The source's deadline is before the attempt's, so that a source that hangs uses up one attempt and the next source
	// gets its turn.
	deadline := info.Deadline
	if own, ok := ctx.Deadline(); ok && own.Before(deadline) {
		deadline = own
	}
	fetchCtx, cancel := context.WithDeadline(ctx, deadline.Add(-saveTime))
	defer cancel()
	query := etf.Query{Symbol: in.Symbol, Ref: in.Ref, Exchange: in.Exchange, Currency: in.Currency, Window: window, AsOf: now}
	asked, err := a.ask(ctx, in, query)
	if err != nil {
		return FetchResult{}, err
	}
	defer asked.end(ctx)
	response, err := a.request(fetchCtx, query)
	record := func(id string, response etf.Response) error {
		hash := sha256.Sum256(response.Raw)
		return a.Store.SaveFetch(ctx, etf.Fetch{
			ID: id, Symbol: in.Symbol, Source: a.Source.Name(), Window: window,
			Request: response.Request, MediaType: response.MediaType, Hash: hex.EncodeToString(hash[:]),
			Basis: response.Basis, Rows: len(response.Bars), FetchedAt: now, Run: in.Run,
		}, response)
	}
	// refused keeps the body of an unusable response for whoever investigates the failure. Its ID differs from the fetch's
	// and it has no rows, so that a later attempt can't mistake it for the fetch's response.
	refused := func(err error) error {
		if len(response.Raw) == 0 {
			return err
		}
		kept := fetchID(info.WorkflowExecution.RunID, fmt.Sprintf("%s/refused-%d", info.ActivityID, info.Attempt))
		if saveErr := record(kept, etf.Response{Basis: etf.BasisUnknown, Request: response.Request, MediaType: response.MediaType, Raw: response.Raw, Shared: response.Shared}); saveErr != nil {
			activity.GetLogger(ctx).Warn("body of the refused response not kept", "error", saveErr)
			return err
		}
		return fmt.Errorf("%w (the response is kept as fetch %s)", err, kept)
	}
	if err != nil {
		if fetchCtx.Err() != nil && etf.KindOf(err) == etf.KindInternal { // an adapter that returns the context's error as it is
			err = etf.Wrap(etf.KindUnavailable, err, "no response in time")
		}
		if etf.KindOf(err) == etf.KindCorrupt {
			err = refused(err)
		}
		err = &sourceError{source: a.Source.Name(), until: in.Until, now: a.Now(), err: err}
		if !interrupted(ctx) {
			asked.failed(ctx, err)
		}
		return FetchResult{}, err
	}
	asked.succeeded(ctx)
	if response, err = response.InCurrency(in.Currency); err != nil {
		return FetchResult{}, &sourceError{source: a.Source.Name(), err: refused(err)}
	}
	if err := mismatch(response, stored, in.Currency); err != nil {
		return FetchResult{}, &sourceError{source: a.Source.Name(), mismatch: true, err: refused(err)}
	}
	if response, err = affordable(response); err != nil {
		return FetchResult{}, &sourceError{source: a.Source.Name(), err: refused(err)}
	}
	if err = record(id, response); etf.KindOf(err) == etf.KindInvalid {
		// It is too large, or has numbers that don't fit: another source may have better ones.
		return FetchResult{}, &sourceError{source: a.Source.Name(), err: refused(etf.Wrap(etf.KindCorrupt, err, "the response can't be stored"))}
	}
	if err != nil {
		return FetchResult{}, err
	}
	if info.Attempt > 1 {
		// An earlier attempt that was assumed lost may have stored its response in the meantime: the first one stands.
		staged, err := a.Store.Staged(ctx, id)
		if err != nil {
			return FetchResult{}, err
		}
		return fetchResult(staged.Bars, staged.Defects, len(staged.Actions), id, in.Session, info.Attempt), nil
	}
	return fetchResult(response.Bars, response.Defects, len(response.Actions), id, in.Session, info.Attempt), nil
}

// request asks the source for its response. A panic in the adapter becomes an error of the source, so that the next source
// gets its turn.
func (a *Fetching) request(ctx context.Context, q etf.Query) (r etf.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			activity.GetLogger(ctx).Error("source panicked", "source", a.Source.Name(), "symbol", q.Symbol, "panic", p, "stack", string(debug.Stack()))
			r, err = etf.Response{}, &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("the adapter panicked: %v", p)}
		}
	}()
	return a.Source.Fetch(ctx, q)
}

func fetchID(run, activityID string) string {
	sum := sha256.Sum256([]byte("fetch\x00" + run + "\x00" + activityID))
	return hex.EncodeToString(sum[:16])
}

// checkWindow is what a second source is asked for.
func checkWindow(exchange etf.Exchange, session etf.Session) (etf.Window, error) {
	cal, err := calendar.For(exchange)
	if err != nil {
		return etf.Window{}, err
	}
	from, err := cal.Nth(session, -quality.SecondReach)
	if err != nil {
		return etf.Window{}, err
	}
	return etf.Window{From: from, To: session}, nil
}

// fetchWindow never ends after the session: a run for an earlier session must not fetch later prices.
func fetchWindow(exchange etf.Exchange, session etf.Session, stored etf.Stored, whole bool) (etf.Window, error) {
	if stored.Bars == 0 || whole {
		return etf.Window{To: session}, nil
	}
	cal, err := calendar.For(exchange)
	if err != nil {
		return etf.Window{}, err
	}
	// Behind the last bar in use, so that the response always has sessions that can be compared with what is in use.
	last := stored.Last
	if !stored.LastUsed.IsZero() {
		last = min(last, stored.LastUsed)
	}
	from, err := cal.Nth(min(last, session), -TrailingSessions)
	if err != nil {
		from = cal.Range().From // the calendar has fewer than TrailingSessions before it
	}
	return etf.Window{From: from, To: session}, nil
}

// dayRequests is how many sessions before the newest one a fetch asks for at most if each is a request.
const dayRequests = 60

// limited makes a window no longer than a fetch may ask the source for. One that needs a request for each session has no whole
// history: what is older than the trailing sessions is the business of a backfill.
func limited(w etf.Window, exchange etf.Exchange, source etf.SourceTraits) (etf.Window, error) {
	if !source.DayResponses {
		return w, nil
	}
	cal, err := calendar.For(exchange)
	if err != nil {
		return w, err
	}
	before := dayRequests
	if w.From.IsZero() {
		before = TrailingSessions
	}
	if from, err := cal.Nth(w.To, -before); err == nil {
		w.From = max(w.From, from)
	}
	return w, nil
}

// otherBasis refuses a source whose prices can't be those of the series, before it is asked.
func otherBasis(source string, in FetchInput, stored etf.Stored) error {
	if in.Basis == "" {
		return nil
	}
	if want := cmp.Or(stored.Basis, in.Basis); etf.OnOtherBasis(source, want) {
		return etf.Invalid("basis", fmt.Sprintf("%s's prices are %s, but the series is %s: they can be compared with it, and not continue it", source, etf.Source(source).Basis, want.Phrase()),
			"add a source with the series' basis: `etfcast etf edit` changes the sources")
	}
	return nil
}

// mismatch rejects a response that can't continue the stored series: prices of another basis or currency.
func mismatch(a etf.Response, stored etf.Stored, currency etf.Currency) error {
	if stored.Basis != "" && len(a.Bars) > 0 && a.Basis != stored.Basis {
		return etf.Invalid("basis", fmt.Sprintf("the response is %s but the stored series is %s", a.Basis, stored.Basis),
			"use a source with the stored basis: `etfcast etf edit` changes the sources")
	}
	if a.Currency != "" && currency != "" && a.Currency != currency {
		return etf.Invalid("currency", fmt.Sprintf("the response is in %s but the ETF is registered in %s", a.Currency, currency),
			"check the reference: it may be the ETF's listing on another exchange; `etfcast etf edit` corrects it")
	}
	return nil
}

func fetchResult(bars []etf.Bar, defects []etf.Defect, actions int, id string, session etf.Session, attempt int32) FetchResult {
	r := FetchResult{Fetch: id, Rows: len(bars), Attempt: attempt, Empty: len(bars)+len(defects)+actions == 0}
	for _, b := range bars {
		r.Last = max(r.Last, b.Session)
		r.HasSession = r.HasSession || b.Session == session
	}
	for _, d := range defects {
		if d.Unfinished {
			r.Unfinished = etf.Clip(d.Where+": "+d.Reason, errorText)
		}
	}
	return r
}
