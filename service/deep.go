package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/rebuild"
)

// Pasts reads what an ETF's data can be made again from.
type Pasts interface {
	// Past returns what is recorded about how the ETF's data came to be; KindNotFound for an unknown symbol.
	Past(ctx context.Context, symbol etf.Symbol) (etf.Past, error)
	// FetchBody returns the response of a fetch as received: KindNotFound if it is not stored, KindCorrupt if it can't be unpacked.
	FetchBody(ctx context.Context, fetch string) ([]byte, error)
	// SharedBody returns a body that fetches share, by its SHA-256: the same errors.
	SharedBody(ctx context.Context, hash string) ([]byte, error)
}

// Parsers returns the parsers of the sources' stored responses, by name. shared returns a body that fetches share.
type Parsers func(shared func(hash string) ([]byte, error)) map[string]rebuild.Parse

// DeepReproduction is the result of making a forecast again from the responses of the ETF's sources.
type DeepReproduction struct {
	Reproduction
	// Data are those made from the responses. If they differ from what is recorded, the verdict is issue.Different, the first
	// difference is theirs, and no forecast has been made.
	Data rebuild.Result `json:"data"`
}

// ReproduceDeep makes a forecast again, and before that the data it was made from, beginning at the stored responses. parsers are those
// of the sources. The errors are those of Reproduce, KindNotFound with Field "fetch" for a response that is not stored any more, and KindConflict with Field
// "code_version" for responses that another code version judged otherwise than this one does, unless r.Anyway: then what is recorded of
// them counts.
func (s *Service) ReproduceDeep(ctx context.Context, id string, r Reproducer, parsers Parsers) (DeepReproduction, error) {
	var deep DeepReproduction
	var issued etf.Forecast
	differs := errors.New("the data differ from what is recorded")
	r.History = func(ctx context.Context, f etf.Forecast, limit int) (etf.History, error) {
		past, err := s.store.Past(ctx, f.ETF())
		if err != nil {
			return etf.History{}, err
		}
		deep.Exchange, issued = past.ETF.Exchange, f
		deep.Data, err = rebuild.Data(rebuild.Inputs{
			Past: past, Version: f.DataVersion.Number, Parsers: parsers(func(hash string) ([]byte, error) { return s.store.SharedBody(ctx, hash) }), CodeVersion: r.CodeVersion,
			Body: func(fetch string) ([]byte, error) { return s.store.FetchBody(ctx, fetch) },
		})
		if err == nil && len(deep.Data.Differences) > 0 {
			err = differs
		} else if err == nil && len(deep.Data.Otherwise) > 0 && !r.Anyway {
			err = judgedOtherwise(f, r.CodeVersion, deep.Data.Otherwise)
		}
		return deep.Data.History(f.Origin, limit), err
	}
	made, err := s.Reproduce(ctx, id, r)
	if !errors.Is(err, differs) {
		deep.Reproduction = made
		return deep, err
	}
	d := deep.Data.Differences[0]
	deep.Reproduction = r.reproduction(issued, deep.Exchange, issue.Comparison{Verdict: issue.Different, First: &issue.Difference{
		Field: fmt.Sprintf("in data version %d (%s %s), %s", d.Version, d.Cause, d.CauseID, d.What()), Stored: d.StoredText(), Made: d.RebuiltText(),
	}})
	return deep, nil
}

// judgedOtherwise says which program judged what a forecast was made from.
func judgedOtherwise(f etf.Forecast, running string, list []rebuild.Difference) error {
	var others, builds []string
	for _, d := range list {
		for _, code := range d.JudgedBy {
			if code == running || slices.Contains(others, code) {
				continue
			}
			others = append(others, code)
			if commit := CommitOf(code); commit != "" {
				builds = append(builds, commit)
			}
		}
	}
	err := &etf.Error{Kind: etf.KindConflict, Field: "code_version",
		Message: fmt.Sprintf("%s, because etfcast %s may have judged it by other rules than etfcast %s; so it is with %d of the data versions behind forecast %s",
			list[0], strings.Join(others, " or "), running, len(list), f.ID),
		Remedy: "take those versions as recorded with --anyway: their numbers are checked against the responses, whether they were to be used is not",
	}
	if len(builds) > 0 {
		err.Remedy = fmt.Sprintf("build commit %s and run its `reproduce %s --deep --anyway`, or ", strings.Join(builds, " or "), f.ID) + err.Remedy
	}
	return err
}
