package api

import (
	"context"
	"net/url"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// ListSources implements gen.StrictServerInterface.
func (s *server) ListSources(ctx context.Context, _ gen.ListSourcesRequestObject) (gen.ListSourcesResponseObject, error) {
	list, err := s.SourceInfos(ctx)
	if err != nil {
		return nil, err
	}
	return gen.ListSources200JSONResponse(SourcesOut(list, s.Now())), nil
}

// GetSource implements gen.StrictServerInterface.
func (s *server) GetSource(ctx context.Context, r gen.GetSourceRequestObject) (gen.GetSourceResponseObject, error) {
	info, err := s.SourceInfo(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	return gen.GetSource200JSONResponse(SourceOut(info, s.Now())), nil
}

// SourcesOut is the response of GET /v1/sources.
func SourcesOut(list []service.SourceInfo, now time.Time) gen.SourceList {
	out := gen.SourceList{Items: make([]gen.Source, len(list))}
	for i, one := range list {
		out.Items[i] = sourceOut(one, now)
	}
	return out
}

// SourceOut is the response of GET /v1/sources/{name}.
func SourceOut(info service.SourceInfo, now time.Time) gen.SourceDetail {
	out := gen.SourceDetail{Source: sourceOut(info, now), Etfs: []gen.SourceETF{}, Changes: make([]gen.SourceBreakerChange, len(info.Changes))}
	for _, e := range info.ETFs[:min(len(info.ETFs), service.MaxSourceETFs)] {
		out.Etfs = append(out.Etfs, gen.SourceETF{Symbol: e.Symbol, Exchange: e.Exchange, Ref: e.Ref, Place: e.Place})
	}
	for i, c := range info.Changes {
		out.Changes[i] = gen.SourceBreakerChange{
			Number: c.Number, State: c.State, Failures: c.Failures, Reason: textOrNil(redacted(c.Reason)), At: c.At.UTC(), RetryAt: instantOut(c.RetryAt),
		}
	}
	return out
}

func sourceOut(info service.SourceInfo, now time.Time) gen.Source {
	b := info.Breaker
	out := gen.Source{
		Name: info.Name, Description: info.About, Ref: info.Refers, Basis: info.Basis, Restated: info.Restated, DayResponses: info.DayResponses,
		WindowDays: countOrNil(info.Window), Cost: textOrNil(info.Cost), Pitfalls: textOrNil(info.Pitfalls),
		Etfs: len(info.ETFs), PreferredBy: etf.Preferring(info.ETFs),
		Breaker: gen.SourceBreaker{
			State: b.State, Failures: b.Failures, Failing: b.Failing, Reason: textOrNil(redacted(b.Reason)), Since: instantOut(b.Since),
			RetryAt: instantOut(b.RetryAt), LastSuccess: instantOut(b.LastSuccess),
		},
	}
	out.Depth.Rows, out.Depth.Days = countOrNil(info.Depth.Rows), countOrNil(info.Depth.Days)
	out.Links.Self = "/v1/sources/" + url.PathEscape(info.Name)
	if out.Breaker.Failing == nil {
		out.Breaker.Failing = []etf.Symbol{}
	}
	if info.Exchanges != nil {
		out.Exchanges = &info.Exchanges
	}
	if info.Rate > 0 {
		out.Rate = &info.Rate
	}
	if u := info.Use; u != nil {
		out.Quota = &gen.SourceQuota{
			Day: u.Day, Limit: u.Limit, Used: u.Used, Behind: u.Behind, Reserved: u.Reserved, Refused: u.Refused, RenewedAt: u.Renewed.UTC(),
		}
	}
	if k := info.KeyIs; k.Variable != "" {
		out.Key = &gen.SourceKey{
			Variable: k.Variable, From: textOrNil(k.From), Present: k.Present, Expires: sessionOut(k.Expires), Problem: textOrNil(k.Warning(now)),
		}
	}
	return out
}

// countOrNil returns nil, which becomes null, for zero.
func countOrNil(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}
