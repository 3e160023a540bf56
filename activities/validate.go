package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Validating validates staged rows.
type Validating struct {
	Fetches  Fetches
	Findings Findings
	// CrossCheck is the share of new closes that are compared with a second source; whatever is in doubt is, too. 0: none is.
	CrossCheck float64
}

// ValidateInput names a fetch to validate and the session the run is for.
type ValidateInput struct {
	Fetch    string       `json:"fetch"`
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	// Whole: the fetch is the whole history, to replace everything stored.
	Whole bool `json:"whole,omitempty"`
	// CanFetchWhole: the whole history is fetched next if the result asks for it, and this fetch is not used.
	CanFetchWhole bool `json:"can_fetch_whole,omitempty"`
	// CanCheck: a second source is asked next if the result wants it, and the fetch is validated again.
	CanCheck bool `json:"can_check,omitempty"`
	// Second is the fetch from a second source; empty if there is none.
	Second string `json:"second,omitempty"`
}

// ValidateResult summarises the findings.
type ValidateResult struct {
	// FetchWhole asks for the whole history: the source has restated its series, and its history is cheap; or bars from before
	// the ETF's listing are stored, so that what was made of the others has to be judged again. Nothing has been saved.
	FetchWhole bool `json:"fetch_whole,omitempty"`
	// Check asks for a second opinion on the new session, and says why. Nothing has been saved.
	Check string `json:"check,omitempty"`
	// TakeOver: the whole history may replace everything stored.
	TakeOver bool `json:"take_over,omitempty"`
	// Listed is the ETF's listing date if bars from before it are stored.
	Listed etf.Session `json:"listed,omitzero"`

	Findings int `json:"findings"`         // of every severity
	Errors   int `json:"faults,omitempty"` // error-level ones among them
	// QuarantinedNew: a finding keeps the new session's row out of forecasts. OnNew lists such findings, at most newFindings.
	QuarantinedNew bool         `json:"quarantined_new,omitempty"`
	OnNew          []FindingRef `json:"on_new,omitempty"`
	// HeldNew: the new session's row is held. OnHeld lists the findings that hold it.
	HeldNew bool         `json:"held_new,omitempty"`
	OnHeld  []FindingRef `json:"on_held,omitempty"`
	// Given: a person has given the new session's price, whether or not the source has one.
	Given   bool  `json:"given,omitempty"`
	Attempt int32 `json:"attempt,omitempty"`
}

// FindingRef is a short form of a finding.
type FindingRef struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Evidence string `json:"evidence"` // clipped
	// Decision is the one in force; if there is one, nobody has to be asked.
	Decision etf.Decision `json:"decision,omitempty"`
}

const (
	// newFindings bounds how many findings on the new session a person is asked about one by one. They all concern the
	// same row.
	newFindings = 5
	// evidenceText bounds the evidence in a result, in bytes; the findings table has all of it.
	evidenceText = 600
)

// Validate applies every rule to the rows a fetch staged and stores the findings and each row's verdict. Findings'
// IDs follow from the numbers they are about, so a repeat changes nothing. If what the rows are judged by changes meanwhile (etf.Grounds), or
// has changed since an earlier Validate, they are judged again, and the new verdicts take the place of the old ones.
func (a *Validating) Validate(ctx context.Context, in ValidateInput) (ValidateResult, error) {
	if in.Second != "" {
		// The check may be done without: a lost second opinion must not stop an update.
		if err := a.Fetches.SaveCheck(ctx, in.Fetch, in.Second, in.Session); etf.KindOf(err) == etf.KindNotFound {
			activity.GetLogger(ctx).Warn("second opinion left out", "fetch", in.Fetch, "second", in.Second, "error", err)
		} else if err != nil {
			return ValidateResult{}, err
		}
	}
	for race := 0; ; race++ {
		result, err := a.judge(ctx, in)
		if errors.Is(err, etf.ErrOutdated) && race < maxLostRaces {
			continue
		}
		return result, err
	}
}

// judge is Validate on what is stored now. KindConflict with ErrOutdated if that changes before the verdicts are stored.
func (a *Validating) judge(ctx context.Context, in ValidateInput) (ValidateResult, error) {
	staged, err := a.Fetches.Staged(ctx, in.Fetch)
	if err != nil {
		return ValidateResult{}, err
	}
	// This process is told of changes of the calendar within a second. Later ones than the verdicts' make these outdated.
	if cal, err := calendar.For(in.Exchange); err == nil && cal.Version() < staged.Grounds.Calendar {
		return ValidateResult{}, &etf.Error{Kind: etf.KindUnavailable,
			Message: fmt.Sprintf("the calendar of %s has changed, and this worker does not know it yet", in.Exchange)}
	}
	// A source that has no whole history sends less than it was asked for.
	whole := in.Whole && staged.Fetch.Window.From.IsZero()
	input := quality.InputOf(staged, in.Exchange, in.Session, whole)
	report, err := quality.Check(input)
	if err != nil {
		return ValidateResult{}, err
	}
	early := !staged.First.IsZero() && staged.First < staged.Listed
	source := etf.Source(staged.Fetch.Source)
	if in.CanFetchWhole && !source.DayResponses && (early || report.Restated && source.CheapHistory) {
		return ValidateResult{FetchWhole: true, Attempt: activity.GetInfo(ctx).Attempt}, nil
	}
	if in.CanCheck && a.CrossCheck > 0 {
		why := quality.NeedsSecond(input, report)
		if why == "" && quality.FreshIn(input) && quality.Sampled(in.Symbol, in.Session, a.CrossCheck) {
			why = "sample"
		}
		if why != "" {
			return ValidateResult{Check: why, Attempt: activity.GetInfo(ctx).Attempt}, nil
		}
	}
	j := etf.Judgement{Fetch: in.Fetch, Findings: report.Findings, Verdicts: report.Verdicts, Grounds: &staged.Grounds}
	for i := range j.Findings {
		j.Findings[i].Fetch, j.Findings[i].FoundAt = in.Fetch, staged.Fetch.FetchedAt
	}
	found, err := quality.WithRows(j, staged.Bars)
	if err != nil {
		return ValidateResult{}, err
	}
	for i, f := range found {
		j.Findings[i].ID = quality.FindingID(f)
	}
	reported, err := a.Findings.SaveFindings(ctx, j)
	if err != nil {
		return ValidateResult{}, err
	}
	result := ValidateResult{Findings: len(reported), TakeOver: report.TakeOver, Attempt: activity.GetInfo(ctx).Attempt}
	if early {
		result.Listed = staged.Listed
	}
	for _, r := range reported {
		if r.Finding.Severity == etf.SeverityError {
			result.Errors++
		}
		if r.Finding.Decision == etf.Replace && slices.Contains(r.Finding.Sessions, in.Session) {
			result.Given = true
		}
		ref := FindingRef{ID: r.Finding.ID, Rule: r.Finding.Rule, Evidence: etf.Clip(r.Finding.Evidence, evidenceText), Decision: r.Finding.Decision}
		switch {
		case keepsOut(r.Finding, in.Session):
			result.QuarantinedNew = true
			if len(result.OnNew) < newFindings {
				result.OnNew = append(result.OnNew, ref)
			}
		case report.HeldNew && quality.Asks(r.Finding) && r.Finding.Decision == etf.Undecided && slices.Contains(r.Finding.Sessions, in.Session):
			result.HeldNew = true
			result.OnHeld = append(result.OnHeld, ref)
		}
	}
	return result, nil
}

// keepsOut reports whether a finding keeps the row of a session out of forecasts: an error that nobody has accepted, or rows
// that a person has found wrong. Where a person has given another value, there is a price.
func keepsOut(f etf.Finding, session etf.Session) bool {
	if !slices.Contains(f.Sessions, session) {
		return false
	}
	switch f.Decision {
	case etf.Accept, etf.Replace:
		return false
	case etf.Reject, etf.Retract:
		return true
	}
	return f.Severity == etf.SeverityError
}
