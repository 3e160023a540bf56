package activities

import (
	"context"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Validating validates staged rows.
type Validating struct {
	Fetches  Fetches
	Findings Findings
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
}

// ValidateResult summarises the findings.
type ValidateResult struct {
	// FetchWhole asks for the whole history: the source has restated its series, and its history is cheap; or bars from before
	// the ETF's listing are stored, so that what was made of the others has to be judged again. Nothing has been saved.
	FetchWhole bool `json:"fetch_whole,omitempty"`
	// TakeOver: the whole history may replace everything stored.
	TakeOver bool `json:"take_over,omitempty"`
	// Listed is the ETF's listing date if bars from before it are stored.
	Listed etf.Session `json:"listed,omitzero"`

	Findings int `json:"findings"`         // of every severity
	Errors   int `json:"faults,omitempty"` // error-level ones among them
	// QuarantinedNew: an error-level finding names the new session. OnNew lists such findings, at most newFindings.
	QuarantinedNew bool         `json:"quarantined_new,omitempty"`
	OnNew          []FindingRef `json:"on_new,omitempty"`
	// HeldNew: the new session's row is held. OnHeld lists the findings that hold it.
	HeldNew bool         `json:"held_new,omitempty"`
	OnHeld  []FindingRef `json:"on_held,omitempty"`
	Attempt int32        `json:"attempt,omitempty"`
}

// FindingRef is a short form of a finding.
type FindingRef struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Evidence string `json:"evidence"` // clipped
}

const (
	// newFindings bounds how many findings on the new session a person is asked about one by one. They all concern the
	// same row.
	newFindings = 5
	// evidenceText bounds the evidence in a result, in bytes; the findings table has all of it.
	evidenceText = 600
)

// Validate applies every rule to the rows a fetch staged and stores the findings and each row's verdict. Findings'
// IDs follow from the fetch, so a repeat changes nothing.
func (a *Validating) Validate(ctx context.Context, in ValidateInput) (ValidateResult, error) {
	staged, err := a.Fetches.Staged(ctx, in.Fetch)
	if err != nil {
		return ValidateResult{}, err
	}
	report, err := quality.Check(quality.Input{
		Symbol: in.Symbol, Exchange: in.Exchange, Session: in.Session, Initial: staged.Initial,
		Bars: staged.Bars, Ordinals: staged.Ordinals, Defects: staged.Defects, Basis: staged.Fetch.Basis,
		Actions: staged.Actions, Covers: staged.Covers, Stated: staged.Stated, Window: staged.Fetch.Window, Known: staged.Known, Held: staged.Held,
		Source: staged.Fetch.Source, Sources: staged.Sources, Listed: staged.Listed,
		DataAt: staged.DataAt, FetchedAt: staged.Fetch.FetchedAt, Whole: in.Whole && !staged.Initial,
	})
	if err != nil {
		return ValidateResult{}, err
	}
	early := !staged.First.IsZero() && staged.First < staged.Listed
	if in.CanFetchWhole && (early || report.Restated && etf.Source(staged.Fetch.Source).CheapHistory) {
		return ValidateResult{FetchWhole: true, Attempt: activity.GetInfo(ctx).Attempt}, nil
	}
	result := ValidateResult{
		Findings: len(report.Findings), QuarantinedNew: report.QuarantinedNew, HeldNew: report.HeldNew, Attempt: activity.GetInfo(ctx).Attempt,
		TakeOver: report.TakeOver,
	}
	if early {
		result.Listed = staged.Listed
	}
	for i := range report.Findings {
		f := &report.Findings[i]
		f.Fetch, f.FoundAt = in.Fetch, staged.Fetch.FetchedAt
		f.ID = quality.FindingID(f.Symbol, f.Fetch, f.Rule, f.Sessions)
		onNew := slices.Contains(f.Sessions, in.Session)
		ref := FindingRef{ID: f.ID, Rule: f.Rule, Evidence: etf.Clip(f.Evidence, evidenceText)}
		if onNew && report.HeldNew && quality.Holds(f.Rule) {
			result.OnHeld = append(result.OnHeld, ref)
		}
		if f.Severity != etf.SeverityError {
			continue
		}
		result.Errors++
		if onNew && len(result.OnNew) < newFindings {
			result.OnNew = append(result.OnNew, ref)
		}
	}
	if err := a.Findings.SaveFindings(ctx, etf.Judgement{Fetch: in.Fetch, Findings: report.Findings, Verdicts: report.Verdicts}); err != nil {
		return ValidateResult{}, err
	}
	return result, nil
}
