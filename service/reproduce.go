package service

import (
	"context"
	"fmt"
	"regexp"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/assess"
	"github.com/etfcast/etfcast/forecast/issue"
)

// Reproducer is what making a forecast again takes.
type Reproducer struct {
	// CodeVersion and Build are those of the running program.
	CodeVersion string
	Build       etf.Build
	// Model returns the model with the parameters that its Params wrote. KindInvalid for an unknown name or parameters of another
	// version.
	Model func(name, params string) (forecast.Model, error)
	// History returns the history as of the forecast's data version, up to its origin, at most the newest limit bars. Nil means the
	// stored bars.
	History func(ctx context.Context, f etf.Forecast, limit int) (etf.History, error)
	// Anyway makes forecasts of another code version, too.
	Anyway bool
}

// Reproduction is the result of making a forecast again.
type Reproduction struct {
	Forecast    string       `json:"forecast"` // ID
	Symbol      etf.Symbol   `json:"symbol"`
	Exchange    etf.Exchange `json:"exchange"`
	Model       string       `json:"model"`
	Origin      etf.Session  `json:"origin"`
	DataVersion int64        `json:"data_version"`
	Rows        int          `json:"rows"` // closes that the model could use
	issue.Comparison
	CodeVersion string    `json:"code_version"` // that issued it
	Build       etf.Build `json:"build"`        // that issued it; empty if none was recorded
	By          MadeBy    `json:"by"`           // the program that made it again
	// SameBuild: the program has the recorded code version and build, so identical is expected.
	SameBuild bool `json:"same_build"`
}

// MadeBy is a program.
type MadeBy struct {
	CodeVersion string    `json:"code_version"`
	Build       etf.Build `json:"build"`
}

// committed matches the version of a program that was built from a commit, without changes.
var committed = regexp.MustCompile(`^[^+]+\+([0-9a-f]{12})$`)

// CommitOf returns the commit that a code version was built from, 12 hex digits; "" if its code is not that of a commit.
func CommitOf(codeVersion string) string {
	if m := committed.FindStringSubmatch(codeVersion); m != nil {
		return m[1]
	}
	return ""
}

// Reproducible returns a forecast as it was issued. The errors are those of Forecast, and KindInvalid for one that can't be made again,
// because others have entered it.
func (s *Service) Reproducible(ctx context.Context, id string) (etf.Forecast, error) {
	f, err := s.storedForecast(ctx, id)
	if err == nil && f.Entered() {
		err = etf.Invalid("id", fmt.Sprintf("forecast %s was entered by others (model %s): how it was made is not known here", id, f.Model),
			"ask whoever entered it; `etfcast provenance FORECAST` says when it arrived")
	}
	return f, err
}

// Reproduce makes a stored forecast again from the history as of its data version, its parameters and its seed, and compares the two.
// The errors are those of Reproducible; KindConflict with Field "code_version" for a forecast of another code version; KindInvalid
// for a model that this program does not have; KindCorrupt if the data version is another one than the forecast's; and the model's
// own.
func (s *Service) Reproduce(ctx context.Context, id string, r Reproducer) (Reproduction, error) {
	f, err := s.Reproducible(ctx, id)
	if err != nil {
		return Reproduction{}, err
	}
	if f.CodeVersion != r.CodeVersion && !r.Anyway {
		return Reproduction{}, anotherCode(f, r.CodeVersion)
	}
	params, calibration, err := issue.ModelParams(f.Params)
	if err != nil {
		return Reproduction{}, err
	}
	model, err := r.Model(f.Model, params)
	if err != nil {
		return Reproduction{}, err
	}
	e, err := s.store.ETF(ctx, f.ETF())
	if err != nil {
		return Reproduction{}, err
	}
	calendarVersion, err := issue.CalendarVersion(f.Params)
	if err != nil {
		return Reproduction{}, err
	}
	cal, err := calendar.At(e.Exchange, calendarVersion)
	if err != nil {
		return Reproduction{}, err
	}
	limit := model.MaxRows()
	if limit == 0 {
		limit = wholeHistory
	}
	read := r.History
	if read == nil {
		read = func(ctx context.Context, f etf.Forecast, limit int) (etf.History, error) {
			return s.store.HistoryAt(ctx, f.ETF(), f.DataVersion.Number, f.Origin, limit)
		}
	}
	history, err := read(ctx, f, limit)
	if err != nil {
		return Reproduction{}, err
	}
	if history.DataVersion != f.DataVersion {
		return Reproduction{}, anotherVersion(f)
	}
	in, err := issue.Prepare(cal, f.Symbol, e.Exchange, f.Origin, history)
	if err != nil {
		return Reproduction{}, err
	}
	made, err := issue.Make(ctx, model, in, f.Seed)
	if err != nil {
		return Reproduction{}, err
	}
	if calibration != "" {
		if made, err = s.calibrated(ctx, made, in, f, calibration); err != nil {
			return Reproduction{}, err
		}
	}
	result := r.reproduction(f, e.Exchange, issue.Compare(f, in, made))
	result.Rows = len(history.Bars)
	return result, nil
}

// calibrated calibrates a forecast again by the assessment that it was calibrated by.
func (s *Service) calibrated(ctx context.Context, made issue.Made, in issue.Input, f etf.Forecast, hash string) (issue.Made, error) {
	a, err := s.store.AssessmentByHash(ctx, hash)
	if err == nil && a.Session != f.Origin {
		err = &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("forecast %s from %s was calibrated by the assessment of %s", f.ID, f.Origin, a.Session),
			Remedy: "compare the database with a backup"}
	}
	if err != nil {
		return made, err
	}
	_, state, err := assess.Read(a)
	if err != nil {
		return made, err
	}
	out, _, err := issue.Calibrate(made, in, f.Model, state)
	return out, err
}

// reproduction is the result of a comparison.
func (r Reproducer) reproduction(f etf.Forecast, exchange etf.Exchange, compared issue.Comparison) Reproduction {
	return Reproduction{
		Forecast: f.ID, Symbol: f.Symbol, Exchange: exchange, Model: f.Model, Origin: f.Origin, DataVersion: f.DataVersion.Number,
		Comparison: compared, CodeVersion: f.CodeVersion, Build: f.Build,
		By: MadeBy{r.CodeVersion, r.Build}, SameBuild: f.CodeVersion == r.CodeVersion && f.Build == r.Build,
	}
}

// anotherCode says which program made a forecast.
func anotherCode(f etf.Forecast, running string) error {
	err := &etf.Error{Kind: etf.KindConflict, Field: "code_version",
		Message: fmt.Sprintf("forecast %s was made by etfcast %s, but this is %s", f.ID, f.CodeVersion, running)}
	if commit := CommitOf(f.CodeVersion); commit != "" {
		err.Remedy = fmt.Sprintf("build commit %s and run it (`etfcast reproduce %s --build` does both), or try this program with --anyway", commit, f.ID)
		return err
	}
	err.Message += "; that version does not name the commit of its code, so it can't be built again"
	err.Remedy = "run the program that made it, if it was kept, or try this one with --anyway"
	return err
}
