package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// ListedForecast is a forecast in a list, with its standing.
type ListedForecast struct {
	etf.ForecastHead
	Standing etf.Standing
}

// ForecastPosition is a place in the list of an ETF's forecasts: that of a forecast. Zero is the beginning.
type ForecastPosition struct {
	Origin etf.Session
	Model  string
	Chain  int64
}

// IsZero reports whether p is the beginning.
func (p ForecastPosition) IsZero() bool { return p == ForecastPosition{} }

// compare orders positions: newest origin first, then ascending by model, and the one issued last first.
func (p ForecastPosition) compare(q ForecastPosition) int {
	return cmp.Or(cmp.Compare(q.Origin, p.Origin), cmp.Compare(p.Model, q.Model), cmp.Compare(q.Chain, p.Chain))
}

// noOrigin is after every origin.
var noOrigin = etf.NewSession(9999, 12, 31)

// Forecasts returns up to limit forecasts of the ETF after the given position, newest origin first, of one model or ("") of all that
// are served, and the position of the next page: zero after the last. KindNotFound for an unknown symbol and for an entrant;
// KindInvalid for an unknown model, unless forecasts of a former model of that name are stored.
func (s *Service) Forecasts(ctx context.Context, symbol, model string, after ForecastPosition, limit int) (page []ListedForecast, next ForecastPosition, err error) {
	var modelErr error
	if model != "" && !modelForm.MatchString(model) {
		modelErr = s.unknownModel(model)
	}
	_, symbolErr := etf.ParseSymbol(symbol)
	if err := errors.Join(symbolErr, modelErr, checkLimit(limit)); err != nil {
		return nil, next, err
	}
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return nil, next, err
	}
	models, err := s.listedModels(ctx, e.Symbol, model)
	if err != nil || len(models) == 0 {
		return nil, next, err
	}
	through := noOrigin
	if !after.IsZero() {
		through = after.Origin
	}
	heads, err := s.store.ForecastHeads(ctx, e.Symbol, models, through, limit+1)
	if err != nil {
		return nil, next, err
	}
	list, err := withStandings(e.Exchange, heads)
	if err != nil {
		return nil, next, err
	}
	position := func(f ListedForecast) ForecastPosition { return ForecastPosition{f.Origin, f.Model, f.Chain} }
	slices.SortFunc(list, func(a, b ListedForecast) int { return position(a).compare(position(b)) })
	if !after.IsZero() {
		list = slices.DeleteFunc(list, func(f ListedForecast) bool { return position(f).compare(after) <= 0 })
	}
	if len(list) > limit {
		list = list[:limit]
		next = position(list[limit-1])
	}
	return list, next, nil
}

// listedModels returns the models whose forecasts are listed: those of the ETF that are no entrants', or the one that is named.
func (s *Service) listedModels(ctx context.Context, symbol etf.Symbol, model string) ([]string, error) {
	models, err := s.store.ForecastModels(ctx, symbol)
	if err != nil {
		return nil, err
	}
	entrants, err := s.store.Entrants(ctx)
	if err != nil {
		return nil, err
	}
	entered := func(name string) bool {
		return slices.ContainsFunc(entrants, func(e etf.Entrant) bool { return e.Model == name })
	}
	switch {
	case model == "":
		return slices.DeleteFunc(models, entered), nil
	case entered(model):
		return nil, etf.NotFound("model", fmt.Sprintf("%s is the name of an entrant, whose forecasts are scored and not served", model),
			"list its entries with GET /v1/entries")
	case slices.Contains(models, model):
		return []string{model}, nil
	case !s.knows(model):
		return nil, s.unknownModel(model)
	}
	return nil, nil
}

// withStandings adds the standing of each forecast; all of an origin and model are among them.
func withStandings(exchange etf.Exchange, heads []etf.ForecastHead) ([]ListedForecast, error) {
	cal, err := calendar.For(exchange)
	if err != nil {
		return nil, err
	}
	type identity struct {
		origin etf.Session
		model  string
	}
	issued, at := map[identity][]scoring.Issued{}, map[identity][]int{}
	list := make([]ListedForecast, len(heads))
	for i, h := range heads {
		key := identity{h.Origin, h.Model}
		list[i].ForecastHead = h
		issued[key] = append(issued[key], scoring.Issued{ID: h.ID, At: h.IssuedAt, Held: h.Held, Chain: h.Chain})
		at[key] = append(at[key], i)
	}
	for key, of := range issued {
		deadline, err := scoring.Deadline(cal, key.origin)
		if err != nil {
			return nil, err
		}
		for k, standing := range scoring.Standings(of, deadline) {
			list[at[key][k]].Standing = standing
		}
	}
	return list, nil
}

// Fetches returns up to limit fetches of the ETF after the given position, newest first, and the position of the next page: zero
// after the last. KindNotFound for an unknown symbol.
func (s *Service) Fetches(ctx context.Context, symbol string, after etf.Cursor, limit int) (page []etf.StoredFetch, next etf.Cursor, err error) {
	parsed, err := etf.ParseSymbol(symbol)
	if err := errors.Join(err, checkLimit(limit)); err != nil {
		return nil, next, err
	}
	e, err := s.ETF(ctx, string(parsed))
	if err != nil {
		return nil, next, err
	}
	return s.store.ETFFetches(ctx, e.Symbol, after, limit)
}

const (
	// runPage is how many runs are looked through at once for those that concerned an ETF, and runReach how many at most: three
	// years of daily runs, and longer than any list of them is read.
	runPage  = 200
	runReach = 1000
)

// RunsOfETF returns what the newest runs of its exchange did for the ETF, up to limit of them, newest first; of the newest 1,000 runs
// only. KindNotFound for an unknown symbol.
func (s *Service) RunsOfETF(ctx context.Context, symbol string, limit int) ([]etf.ETFRun, error) {
	parsed, err := etf.ParseSymbol(symbol)
	if err := errors.Join(err, checkLimit(limit)); err != nil {
		return nil, err
	}
	e, err := s.ETF(ctx, string(parsed))
	if err != nil {
		return nil, err
	}
	list := []etf.ETFRun{}
	var after etf.Cursor
	for seen := 0; seen < runReach && len(list) < limit; seen += runPage {
		runs, next, err := s.store.Runs(ctx, etf.RunFilter{Workflow: etf.DailyRun, Exchange: e.Exchange}, after, runPage)
		if err != nil {
			return nil, err
		}
		ids := make([]etf.RunID, len(runs))
		for i, r := range runs {
			ids[i] = r.ID
		}
		did, err := s.store.RunsOfETF(ctx, e, ids)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if row, ok := did[r.ID]; ok && len(list) < limit {
				list = append(list, etf.ETFRun{Run: r.ID, StartedAt: r.StartedAt, RunETF: row})
			}
		}
		if after = next; after.IsZero() {
			break
		}
	}
	rows := make([]etf.RunETF, len(list))
	for i, r := range list {
		rows[i] = r.RunETF
	}
	if err := s.markRows(ctx, rows); err != nil {
		return nil, err
	}
	for i := range list {
		list[i].RunETF = rows[i]
	}
	return list, nil
}

// ScoresRequest asks for the scores of an exchange at one origin, as the user wrote it.
type ScoresRequest struct {
	Exchange string // required
	Model    string // "" = the one that is served at the horizon
	Horizon  string // "" = 1
	Origin   string // "" = the newest with scores
	Late     bool   // the late forecasts instead of those of record
}

// mostOrigins is how many scored origins are listed.
const mostOrigins = 60

// OriginScores are the scores of every ETF of an exchange at one origin.
type OriginScores struct {
	Exchange etf.Exchange
	Model    string
	Horizon  int
	Late     bool
	Origin   etf.Session   // zero if nothing is scored
	Origins  []etf.Session // the newest with scores, at most 60, newest first
	Scores   []etf.Score   // ascending by symbol and forecast
}

// ScoresOfOrigin returns the scores of an exchange at one origin. Everything that is wrong with the request is reported at once, as
// KindInvalid.
func (s *Service) ScoresOfOrigin(ctx context.Context, r ScoresRequest) (OriginScores, error) {
	var missing, originErr error
	if r.Exchange == "" {
		missing = etf.Invalid("exchange", "no exchange is named", "use "+joinExchanges())
	}
	model, err := s.modelOfScores(ctx, r)
	if err != nil {
		return OriginScores{}, err
	}
	out := OriginScores{Model: model, Late: r.Late, Origins: []etf.Session{}, Scores: []etf.Score{}}
	if r.Origin != "" {
		out.Origin, originErr = etf.ParseSession(r.Origin)
		originErr = etf.WithField(originErr, "origin")
	}
	q, err := s.checkScores(ctx, ScoreRequest{Exchange: r.Exchange, Model: out.Model, Horizon: cmp.Or(r.Horizon, "1")})
	if err != nil && etf.KindOf(err) != etf.KindInvalid {
		return out, err
	}
	if err := errors.Join(missing, err, originErr); err != nil {
		return out, err
	}
	out.Exchange, out.Horizon = q.exchange, q.horizon
	standing := etf.OfRecord
	if r.Late {
		standing = etf.Late
	}
	sums, err := s.store.SessionLosses(ctx, etf.ScoreFilter{Exchange: q.exchange, Model: out.Model, Horizon: q.horizon, Standing: standing})
	if err != nil {
		return out, err
	}
	for _, l := range slices.Backward(sums) {
		if l.N > 0 && len(out.Origins) < mostOrigins {
			out.Origins = append(out.Origins, l.Origin)
		}
	}
	if out.Origin.IsZero() && len(out.Origins) > 0 {
		out.Origin = out.Origins[0]
	}
	if out.Origin.IsZero() {
		return out, nil
	}
	scores, err := s.store.OriginScores(ctx, out.Exchange, out.Model, out.Horizon, out.Origin)
	for _, score := range scores {
		if score.Standing == standing {
			score.ScoredAt = score.ScoredAt.UTC()
			out.Scores = append(out.Scores, score)
		}
	}
	return out, err
}

// modelOfScores returns the model that is asked for. What is wrong with the rest of the request is said elsewhere.
func (s *Service) modelOfScores(ctx context.Context, r ScoresRequest) (string, error) {
	exchange, exchangeErr := etf.ParseExchange(r.Exchange)
	horizon, horizonErr := parseHorizon(r.Horizon)
	if r.Model == "" && exchangeErr == nil && horizonErr == nil {
		return s.servedModel(ctx, exchange, max(horizon, 1))
	}
	return cmp.Or(r.Model, s.served), nil
}

func joinExchanges() string {
	var names []string
	for _, x := range etf.Exchanges() {
		names = append(names, string(x))
	}
	return strings.Join(names, " or ")
}
