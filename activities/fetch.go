package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// TrailingSessions is how many sessions before the last stored one are asked for again with every update: three
// weeks of trading. Providers fill holes and correct volumes and closes within days, and an exchange corrects a
// trade within two weeks at most; asking for more costs rows that are compared in vain.
const TrailingSessions = 15

// saveTime is what a fetch keeps of its time for storing the answer.
const saveTime = 30 * time.Second

// Fetching asks one source.
type Fetching struct {
	Store  Fetches
	Source Source
	Now    func() time.Time
}

// FetchInput asks for one ETF's bars up to and including Session.
type FetchInput struct {
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Currency etf.Currency `json:"currency"`
	Session  etf.Session  `json:"session"`
	Ref      string       `json:"ref"`
	Run      etf.RunID    `json:"run"`
}

// FetchResult refers to what was stored of an answer.
type FetchResult struct {
	Fetch      string      `json:"fetch"`
	Rows       int         `json:"rows"`
	Last       etf.Session `json:"last,omitzero"`     // newest session among the rows
	HasSession bool        `json:"has_session"`       // the session asked for is among them
	Empty      bool        `json:"empty,omitempty"`   // no row, no action and no defect: nothing to judge
	Attempt    int32       `json:"attempt,omitempty"` // of this activity
}

// Fetch asks the source for the whole history of an ETF without stored bars, else from TrailingSessions before the
// last stored session, and stores the raw answer and the staged rows. It returns a reference.
//
// An answer that can't be understood, or is of another basis or currency, is an error; its body is kept all the same.
//
// The fetch's ID is a hash of the workflow run and the activity, the same for every attempt: an attempt that finds
// an earlier one's answer stored returns that, so that one fetch is one answer however often it was tried.
func (a *Fetching) Fetch(ctx context.Context, in FetchInput) (FetchResult, error) {
	info := activity.GetInfo(ctx)
	id := fetchID(info.WorkflowExecution.RunID, info.ActivityID)
	if info.Attempt > 1 {
		staged, err := a.Store.Staged(ctx, id)
		if err == nil {
			return fetchResult(staged.Bars, len(staged.Actions)+len(staged.Defects), id, in.Session, info.Attempt), nil
		}
		if etf.KindOf(err) != etf.KindNotFound {
			return FetchResult{}, err
		}
	}
	stored, err := a.Store.Stored(ctx, in.Symbol)
	if err != nil {
		return FetchResult{}, err
	}
	window, err := fetchWindow(in.Exchange, in.Session, stored)
	if err != nil {
		return FetchResult{}, err
	}
	asked := a.Now()
	// The source ends before the activity's own time does, so that one which hangs is counted as a try of its own and
	// the next source gets its turn.
	asking, stop := context.WithDeadline(ctx, info.Deadline.Add(-saveTime))
	defer stop()
	answer, err := a.ask(asking, etf.Query{
		Symbol: in.Symbol, Ref: in.Ref, Exchange: in.Exchange, Currency: in.Currency, Window: window, AsOf: asked,
	})
	record := func(id string, answer etf.Response) error {
		hash := sha256.Sum256(answer.Raw)
		return a.Store.SaveFetch(ctx, etf.Fetch{
			ID: id, Symbol: in.Symbol, Source: a.Source.Name(), Window: window,
			Request: answer.Request, MediaType: answer.MediaType, Hash: hex.EncodeToString(hash[:]),
			Basis: answer.Basis, Rows: len(answer.Bars), FetchedAt: asked, Run: in.Run,
		}, answer)
	}
	// refused keeps the body of an answer that can't be used, under an ID of its own: whoever looks into the failure
	// finds what the provider really said. Without rows there is nothing a later attempt could take for an answer.
	refused := func(err error) error {
		if len(answer.Raw) == 0 {
			return err
		}
		kept := fetchID(info.WorkflowExecution.RunID, fmt.Sprintf("%s/refused-%d", info.ActivityID, info.Attempt))
		if saveErr := record(kept, etf.Response{Basis: etf.BasisUnknown, Request: answer.Request, MediaType: answer.MediaType, Raw: answer.Raw}); saveErr != nil {
			activity.GetLogger(ctx).Warn("refused answer not kept", "error", saveErr)
			return err
		}
		return fmt.Errorf("%w (the answer is kept as fetch %s)", err, kept)
	}
	if err != nil {
		if etf.KindOf(err) == etf.KindCorrupt {
			err = refused(err)
		}
		return FetchResult{}, &sourceError{source: a.Source.Name(), err: err}
	}
	if err := mismatch(answer, stored, in.Currency); err != nil {
		return FetchResult{}, &sourceError{source: a.Source.Name(), mismatch: true, err: refused(err)}
	}
	err = record(id, answer)
	if err != nil {
		return FetchResult{}, err
	}
	if info.Attempt > 1 {
		// An attempt given up as lost may have stored its own answer meanwhile: the first one stands.
		staged, err := a.Store.Staged(ctx, id)
		if err != nil {
			return FetchResult{}, err
		}
		return fetchResult(staged.Bars, len(staged.Actions)+len(staged.Defects), id, in.Session, info.Attempt), nil
	}
	return fetchResult(answer.Bars, len(answer.Actions)+len(answer.Defects), id, in.Session, info.Attempt), nil
}

// ask asks the source. An adapter that panics has gone wrong, which is the source's error: the next source gets its turn.
func (a *Fetching) ask(ctx context.Context, q etf.Query) (r etf.Response, err error) {
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

// fetchWindow ends at the session and never later: a run of an earlier session must not bring later prices.
func fetchWindow(exchange etf.Exchange, session etf.Session, stored etf.Stored) (etf.Window, error) {
	if stored.Bars == 0 {
		return etf.Window{To: session}, nil
	}
	cal, err := calendar.For(exchange)
	if err != nil {
		return etf.Window{}, err
	}
	from, err := cal.Nth(min(stored.Last, session), -TrailingSessions)
	if err != nil {
		from = cal.Range().From // so early that the calendar has no fifteen sessions before it
	}
	return etf.Window{From: from, To: session}, nil
}

// mismatch refuses an answer that can't continue the stored series: prices of another basis or currency.
func mismatch(a etf.Response, stored etf.Stored, currency etf.Currency) error {
	if stored.Basis != "" && len(a.Bars) > 0 && a.Basis != stored.Basis {
		return etf.Invalid("basis", fmt.Sprintf("the answer is %s and the stored series is %s", a.Basis, stored.Basis),
			"use a source of the stored basis")
	}
	if a.Currency != "" && currency != "" && a.Currency != currency {
		return etf.Invalid("currency", fmt.Sprintf("the answer is in %s and the ETF is registered in %s", a.Currency, currency),
			"check the reference: it may be the ETF's listing on another exchange")
	}
	return nil
}

func fetchResult(bars []etf.Bar, others int, id string, session etf.Session, attempt int32) FetchResult {
	r := FetchResult{Fetch: id, Rows: len(bars), Attempt: attempt, Empty: len(bars)+others == 0}
	for _, b := range bars {
		r.Last = max(r.Last, b.Session)
		r.HasSession = r.HasSession || b.Session == session
	}
	return r
}
