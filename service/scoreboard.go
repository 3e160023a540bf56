package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// ScoreUnits says what the numbers of a scoreboard are measured in.
const ScoreUnits = "rel_mae and rel_crps are ratios to the benchmark's losses on the same forecasts, with a 95 % interval. mase, rmsse, crps, pinball, " +
	"winkler and width are in multiples of the mean absolute change of the close from one session to the next before the origin. coverage and pit " +
	"count scores. difference is the model's pinball loss minus the benchmark's, in that unit times the square root of the horizon: below 0 the model is better."

// ScoreRequest selects scores, as the user wrote it. Empty fields select everything.
type ScoreRequest struct {
	Exchange string
	Symbol   string
	Model    string
	Horizon  string
	From, To string // origins, inclusive
	Late     bool   // the late forecasts instead of those of record
}

// Board is how the models have fared.
type Board struct {
	Late bool `json:"late"` // whether the statistics are of the late forecasts
	// RecordBegins is the first origin of record of what was asked for, whatever the window; nil while there is none.
	RecordBegins *etf.Session `json:"record_begins"`
	Summary      string       `json:"summary"`
	Units        string       `json:"units"`
	Items        []BoardItem  `json:"items"`
}

// BoardItem is how one model has fared at one horizon.
type BoardItem struct {
	Model    string       `json:"model"`
	Entry    bool         `json:"entry"` // its forecasts are entered by others
	Exchange etf.Exchange `json:"exchange"`
	Horizon  int          `json:"horizon"` // sessions
	N        int          `json:"n"`       // scores of record, or of late forecasts if these were asked for
	LateN    int          `json:"late_n"`  // scores of late forecasts
	Statistics
	// Served: the gate serves the model at this horizon. Verdict is what it saw; nil for the benchmark. Coverage is how often the model's
	// intervals have held the price, with the evidence against them; empty where nothing is said. All three are of the newest assessment of
	// the exchange, whatever the window; none is there for late forecasts, an ETF or an entry.
	Served   bool                  `json:"served"`
	Verdict  *etf.GateVerdict      `json:"verdict"`
	Coverage []etf.CoverageMeasure `json:"coverage"`
}

// Scoreboard returns one item for each exchange, horizon and model that has scores: of all ETFs, or of one. Items are ascending by
// exchange, horizon and model, with the benchmark first. Everything that is wrong with the request is reported at once, as
// KindInvalid.
func (s *Service) Scoreboard(ctx context.Context, r ScoreRequest) (Board, error) {
	q, err := s.checkScores(ctx, r)
	if err != nil {
		return Board{}, err
	}
	sums, err := s.losses(ctx, q)
	if err != nil {
		return Board{}, err
	}
	b := s.board(q, sums)
	if q.symbol == "" {
		err = s.judge(ctx, q, b.Items)
	}
	return b, err
}

// CheckScores returns what is wrong with a request, as Scoreboard does.
func (s *Service) CheckScores(ctx context.Context, r ScoreRequest) error {
	_, err := s.checkScores(ctx, r)
	return err
}

// losses reads the sums that a query needs, of every model, horizon and origin.
func (s *Service) losses(ctx context.Context, q scoreQuery) ([]etf.SessionLosses, error) {
	if q.symbol == "" {
		return s.store.SessionLosses(ctx, etf.ScoreFilter{Exchange: q.exchange})
	}
	scores, err := s.store.Scores(ctx, etf.ScoreFilter{Symbol: q.symbol})
	if err != nil {
		return nil, err
	}
	return scoring.Contributions(scores, s.benchmark()), nil
}

// board makes the scoreboard from the sums that losses has read.
func (s *Service) board(q scoreQuery, sums []etf.SessionLosses) Board {
	b := Board{Late: q.late, Units: ScoreUnits, Items: []BoardItem{}}
	type row struct {
		exchange etf.Exchange
		horizon  int
		model    string
	}
	var order []row
	counted, late := map[row][]etf.SessionLosses{}, map[row]int{}
	for _, l := range sums {
		if q.model != "" && l.Model != q.model || q.horizon != 0 && l.Horizon != q.horizon {
			continue
		}
		if l.Standing == etf.OfRecord && l.N > 0 && (b.RecordBegins == nil || l.Origin < *b.RecordBegins) {
			b.RecordBegins = &l.Origin
		}
		if !q.window.Contains(l.Origin) || l.N == 0 || q.late && l.Standing != etf.Late {
			continue
		}
		at := row{l.Exchange, l.Horizon, l.Model}
		if counted[at] == nil {
			order, counted[at] = append(order, at), []etf.SessionLosses{}
		}
		if l.Standing == etf.Late {
			late[at] += l.N
		}
		if (l.Standing == etf.Late) == q.late {
			counted[at] = append(counted[at], l)
		}
	}
	slices.SortFunc(order, func(x, y row) int {
		return cmp.Or(cmp.Compare(slices.Index(etf.Exchanges(), x.exchange), slices.Index(etf.Exchanges(), y.exchange)), cmp.Compare(x.horizon, y.horizon),
			cmp.Compare(s.rank(x.model), s.rank(y.model)), cmp.Compare(x.model, y.model))
	})
	b.Items = make([]BoardItem, len(order))
	for i, at := range order {
		item := BoardItem{Model: at.model, Entry: slices.Contains(q.entrants, at.model), Exchange: at.exchange, Horizon: at.horizon, LateN: late[at], Coverage: []etf.CoverageMeasure{}}
		item.N, item.Statistics = statisticsOf(counted[at], at.horizon, q.fixed, at.model == s.benchmark())
		b.Items[i] = item
	}
	b.Summary = s.summary(q, b)
	return b
}

// judge adds to the items of whole exchanges what the newest assessments say. A damaged one says nothing.
func (s *Service) judge(ctx context.Context, q scoreQuery, items []BoardItem) error {
	if q.late {
		return nil
	}
	bodies := map[etf.Exchange]etf.AssessmentBody{}
	for i := range items {
		item := &items[i]
		body, ok := bodies[item.Exchange]
		if !ok {
			var err error
			if _, body, err = s.assessment(ctx, item.Exchange); err != nil && etf.KindOf(err) != etf.KindCorrupt {
				return err
			}
			bodies[item.Exchange] = body
		}
		if item.Entry {
			continue
		}
		item.Served = s.servedBy(body, item.Horizon) == item.Model
		for _, c := range body.Coverage {
			if c.Model == item.Model && c.Horizon == item.Horizon {
				item.Coverage = c.Measures
			}
		}
		for _, v := range body.Gate {
			if v.Model == item.Model && v.Horizon == item.Horizon {
				item.Verdict = &v
			}
		}
	}
	return nil
}

// rank puts the benchmark before all other models.
func (s *Service) rank(model string) int {
	if model == s.benchmark() {
		return 0
	}
	return 1
}

// benchmark returns the model that others are compared with.
func (s *Service) benchmark() string {
	if len(s.models) > 0 {
		return s.models[0].Name
	}
	return "drift"
}

// scoreQuery is a ScoreRequest that has been checked.
type scoreQuery struct {
	exchange etf.Exchange // the symbol's, if there is one
	symbol   etf.Symbol
	model    string
	horizon  int
	window   etf.Window
	begun    bool // from was given
	fixed    bool // from and to were given
	windowed bool // from or to was given
	late     bool
	entrants []string
}

func (s *Service) checkScores(ctx context.Context, r ScoreRequest) (scoreQuery, error) {
	q := scoreQuery{late: r.Late, model: r.Model, begun: r.From != "", fixed: r.From != "" && r.To != "", windowed: r.From != "" || r.To != ""}
	var problems []error
	var away error // what is wrong with the database, not with the request
	note := func(err error) {
		switch {
		case err == nil:
		case etf.KindOf(err) != etf.KindInvalid:
			away = cmp.Or(away, err)
		default:
			problems = append(problems, err)
		}
	}
	var err error
	if r.Exchange != "" {
		q.exchange, err = etf.ParseExchange(r.Exchange)
		note(err)
	}
	if r.Symbol != "" {
		var e etf.ETF
		e, err = s.scoredETF(ctx, r.Symbol, q.exchange)
		note(err)
		q.symbol = e.Symbol
		if q.exchange == "" {
			q.exchange = e.Exchange
		}
	}
	entrants, err := s.store.Entrants(ctx)
	note(err)
	for _, e := range entrants {
		q.entrants = append(q.entrants, e.Model)
	}
	if away == nil && r.Model != "" {
		note(s.checkScoredModel(ctx, r.Model, q))
	}
	q.horizon, err = parseHorizon(r.Horizon)
	note(err)
	q.window, err = ParseWindow(r.From, r.To)
	note(err)
	if away != nil {
		return q, away
	}
	return q, errors.Join(problems...)
}

// scoredETF looks up the ETF whose scores are asked for. KindInvalid if it is not registered, or not on the exchange.
func (s *Service) scoredETF(ctx context.Context, text string, exchange etf.Exchange) (etf.ETF, error) {
	symbol, err := etf.ParseSymbol(text)
	if err != nil {
		return etf.ETF{}, err
	}
	e, err := s.store.ETF(ctx, symbol)
	switch {
	case err != nil && etf.KindOf(err) == etf.KindNotFound:
		unknown := unknownSymbol("symbol", symbol)
		return e, etf.Invalid(unknown.Field, unknown.Message, unknown.Remedy)
	case err != nil:
		return e, err
	case exchange != "" && e.Exchange != exchange:
		return e, etf.Invalid("exchange", fmt.Sprintf("%s is registered on %s, not on %s", symbol, e.Exchange, exchange), "leave the exchange out, or use "+string(e.Exchange))
	}
	return e, nil
}

// checkScoredModel returns KindInvalid unless the model is one of this program's, an entrant or a former one that has scores.
func (s *Service) checkScoredModel(ctx context.Context, model string, q scoreQuery) error {
	if !modelForm.MatchString(model) {
		return s.unknownModel(model)
	}
	if s.knows(model) || slices.Contains(q.entrants, model) {
		return nil
	}
	if q.symbol != "" {
		former, err := s.store.ForecastModels(ctx, q.symbol)
		if err != nil || slices.Contains(former, model) {
			return err
		}
		return s.unknownModel(model)
	}
	former, err := s.store.SessionLosses(ctx, etf.ScoreFilter{Model: model})
	if err != nil || len(former) > 0 {
		return err
	}
	return s.unknownModel(model)
}

// parseHorizon reads a horizon in sessions; "" is 0.
func parseHorizon(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	h, err := strconv.Atoi(text)
	if err != nil || h < 1 || h > etf.MaxHorizon || text != strconv.Itoa(h) {
		return 0, etf.Invalid("horizon", fmt.Sprintf("%q is not a horizon", etf.Clip(text, etf.MaxQuoted)), fmt.Sprintf("use a whole number of sessions from 1 to %d", etf.MaxHorizon))
	}
	return h, nil
}
