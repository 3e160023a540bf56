package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// GetForecastProvenance implements gen.StrictServerInterface.
func (s *server) GetForecastProvenance(ctx context.Context, r gen.GetForecastProvenanceRequestObject) (gen.GetForecastProvenanceResponseObject, error) {
	limit, err := provenanceLimits.parse(r.Params.Limit)
	if err != nil {
		return nil, err
	}
	p, err := s.Provenance(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.GetForecastProvenance200JSONResponse(provenanceOut(p, limit)), nil
}

// provenanceOut lists at most limit fetches and actions, the last ones, and summarises the others.
func provenanceOut(p etf.Provenance, limit int) gen.Provenance {
	f := p.Forecast
	fetches, actions := max(0, len(p.Fetches)-limit), max(0, len(p.Actions)-limit)
	earlier := p.Fetches[:fetches]
	p.Fetches, p.Actions = p.Fetches[fetches:], p.Actions[actions:]
	out := gen.Provenance{
		Forecast: f.ID, Symbol: f.Symbol, Exchange: p.Exchange, Model: f.Model, Origin: f.Origin, IssuedAt: f.IssuedAt.UTC(), Run: string(f.Run),
		CodeVersion: f.CodeVersion, Build: buildOut(f.Build), Params: json.RawMessage(f.Params), Seed: strconv.FormatUint(f.Seed, 10),
		Closes: p.Rows, ClosesHash: textOrNil(f.ClosesHash), FitHash: textOrNil(f.FitHash),
		Fetches: make([]gen.FetchUse, len(p.Fetches)), Actions: make([]gen.Action, len(p.Actions)), Decisions: make([]gen.VersionCause, len(p.Decisions)),
		Links: map[string]string{"forecast": "/v1/forecasts/" + f.ID, "proof": "/v1/ledger/proof?forecast=" + f.ID},
	}
	if f.Params == "" {
		out.Params = json.RawMessage("{}")
	}
	out.Chain.Position, out.Chain.PrevHash, out.Chain.Hash = f.Chain, f.PrevHash, f.Hash
	if f.FitHash != "" {
		out.Links["fit"] = "/v1/forecasts/" + f.ID + "/fit"
	}
	if !f.Entered() {
		version := causeOut(p.DataVersion)
		out.DataVersion = &version
		out.Links["run"] = "/v1/runs/" + url.PathEscape(string(f.Run))
	}
	if p.Rows > 0 {
		out.Used = &gen.SessionSpan{From: p.Used.From, To: p.Used.To}
		out.Links["bars"] = fmt.Sprintf("/v1/etfs/%s/bars?as_of=%d&from=%s&to=%s", url.PathEscape(string(f.Symbol)), p.DataVersion.Number, p.Used.From, p.Used.To)
	}
	if fetches+actions > 0 {
		out.Earlier = &gen.EarlierProvenance{Fetches: fetches, Actions: actions}
		var first, last etf.Session
		for _, u := range earlier {
			out.Earlier.Closes += u.Bars
			if last = max(last, u.Last); first.IsZero() {
				first = u.First
			}
		}
		if fetches > 0 {
			out.Earlier.From, out.Earlier.To = &first, &last
		}
	}
	for i, u := range p.Fetches {
		out.Fetches[i] = gen.FetchUse{
			Id: u.ID, Source: u.Source, Request: u.Request, Sha256: u.Hash, FetchedAt: u.FetchedAt.UTC(), Run: string(u.Run), Stored: u.Stored,
			Rows: u.Rows, Closes: u.Bars, First: u.First, Last: u.Last,
		}
	}
	for i, a := range p.Actions {
		out.Actions[i] = actionOut(a)
	}
	for i, d := range p.Decisions {
		out.Decisions[i] = causeOut(d)
	}
	return out
}

func causeOut(v etf.VersionCause) gen.VersionCause {
	return gen.VersionCause{Number: v.Number, Writer: textOrNil(v.Writer), KnownFrom: v.KnownFrom.UTC(), Cause: v.Cause, CauseId: v.CauseID}
}

// buildOut is nil if no build was recorded.
func buildOut(b etf.Build) *gen.Build {
	if b == (etf.Build{}) {
		return nil
	}
	return &gen.Build{Go: b.Go, Arch: b.Arch, Features: b.Features, Modified: b.Modified}
}

// scaleOut is nil if no scale was recorded.
func scaleOut(s etf.Scale) *gen.Scale {
	if s == (etf.Scale{}) {
		return nil
	}
	return &gen.Scale{Absolute: s.Absolute, Squared: s.Squared}
}
