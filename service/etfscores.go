package service

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// ETFScores is how the models have fared on one ETF.
type ETFScores struct {
	Symbol   etf.Symbol
	Exchange etf.Exchange
	Board                // of this ETF
	Pooled   []BoardItem // of all ETFs of its exchange, for the same models, horizons and origins
	// Scores are this ETF's, newest origin first, then ascending by model, horizon and forecast.
	Scores []etf.Score
	// Next is the position of the next page; zero after the last.
	Next ScorePosition
}

// ScorePosition is a place in the list of an ETF's scores: that of a score. Zero is the beginning.
type ScorePosition struct {
	Origin   etf.Session
	Model    string
	Horizon  int
	Forecast string
}

func positionOf(s etf.Score) ScorePosition {
	return ScorePosition{s.Origin, s.Model, s.Horizon, s.Forecast}
}

// compare orders positions as ETFScores lists them.
func (p ScorePosition) compare(q ScorePosition) int {
	return cmp.Or(cmp.Compare(q.Origin, p.Origin), cmp.Compare(p.Model, q.Model), cmp.Compare(p.Horizon, q.Horizon), cmp.Compare(p.Forecast, q.Forecast))
}

// IsZero reports whether p is the beginning.
func (p ScorePosition) IsZero() bool { return p == ScorePosition{} }

// ETFScores returns how the models have fared on the ETF r.Symbol, beside the whole exchange, and up to limit of its scores after the
// given position. KindNotFound for an unknown symbol; everything else that is wrong with the request is reported at once, as
// KindInvalid.
func (s *Service) ETFScores(ctx context.Context, r ScoreRequest, after ScorePosition, limit int) (ETFScores, error) {
	limitErr := checkLimit(limit)
	q, err := s.checkScores(ctx, r)
	// The symbol is the path of the request: one that is unknown, and nothing else wrong, means that there is no such thing.
	if all := etf.Errors(err); len(all) == 1 && limitErr == nil && all[0].Field == "symbol" {
		if _, formErr := etf.ParseSymbol(r.Symbol); formErr == nil {
			return ETFScores{}, etf.NotFound("symbol", all[0].Message, all[0].Remedy)
		}
	}
	if err := errors.Join(err, limitErr); err != nil {
		return ETFScores{}, err
	}
	scores, err := s.store.Scores(ctx, etf.ScoreFilter{Symbol: q.symbol})
	if err != nil {
		return ETFScores{}, err
	}
	pooled, err := s.store.SessionLosses(ctx, etf.ScoreFilter{Exchange: q.exchange})
	if err != nil {
		return ETFScores{}, err
	}
	out := ETFScores{Symbol: q.symbol, Exchange: q.exchange, Board: s.board(q, scoring.Contributions(scores, s.benchmark())), Scores: []etf.Score{}}
	out.Pooled = s.board(q, pooled).Items
	if err := s.judge(ctx, q, out.Pooled); err != nil {
		return ETFScores{}, err
	}
	listed := slices.DeleteFunc(scores, func(score etf.Score) bool {
		return q.model != "" && score.Model != q.model || q.horizon != 0 && score.Horizon != q.horizon ||
			!q.window.Contains(score.Origin) || (score.Standing == etf.Late) != q.late
	})
	slices.SortFunc(listed, func(a, b etf.Score) int { return positionOf(a).compare(positionOf(b)) })
	if !after.IsZero() {
		at, found := slices.BinarySearchFunc(listed, after, func(score etf.Score, p ScorePosition) int { return positionOf(score).compare(p) })
		if found {
			at++
		}
		listed = listed[at:]
	}
	if len(listed) > limit {
		listed = listed[:limit]
		out.Next = positionOf(listed[limit-1])
	}
	for i := range listed {
		listed[i].ScoredAt = listed[i].ScoredAt.UTC()
	}
	out.Scores = append(out.Scores, listed...)
	return out, nil
}
