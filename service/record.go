package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/assess"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/issue"
)

// Assessments reads what the record says.
type Assessments interface {
	// NewestAssessment returns the assessment of the exchange's newest session, without its state; KindNotFound if there is none.
	NewestAssessment(ctx context.Context, exchange etf.Exchange) (etf.Assessment, error)
	// AssessmentByHash returns the assessment with the hash, with its state; KindNotFound if there is none.
	AssessmentByHash(ctx context.Context, hash string) (etf.Assessment, error)
	// GateVerdicts returns up to limit verdicts after the position, newest session first, then by exchange, horizon and model, and the
	// position of the next page: zero after the last.
	GateVerdicts(ctx context.Context, filter etf.GateFilter, after etf.GatePosition, limit int) (page []etf.GateVerdict, next etf.GatePosition, err error)
}

// ForecastRecord is what the newest assessment of its exchange says of a forecast's model. It is not part of what was issued.
type ForecastRecord struct {
	// Calibration is the hash of the assessment that the forecast was calibrated by; empty if it was not.
	Calibration string
	// Assessment is the hash of the newest one, and Through the newest target in it; zero before there is any.
	Assessment string
	Through    etf.Session
	Coverage   []HorizonCoverage
	Skill      []HorizonSkill
	// Weights are a combination's, by horizon and model; empty for any other model.
	Weights map[string]map[string]float64
}

// HorizonCoverage is how often a model's intervals have held the price at a horizon.
type HorizonCoverage struct {
	Horizon  int                   `json:"horizon"`
	Measures []etf.CoverageMeasure `json:"measures"`
}

// HorizonSkill is how a model compares with the benchmark at a horizon. What is undefined is nil.
type HorizonSkill struct {
	Horizon int      `json:"horizon"`
	N       int      `json:"n"` // scores
	RelCRPS *float64 `json:"rel_crps"`
	Low     *float64 `json:"low"`
	High    *float64 `json:"high"`
	// Served: the model is served at this horizon. Verdict is what the gate saw; nil for the benchmark.
	Served  bool             `json:"served"`
	Verdict *etf.GateVerdict `json:"verdict"`
}

// assessment returns what the newest assessment of an exchange says; zero before there is one.
func (s *Service) assessment(ctx context.Context, exchange etf.Exchange) (etf.Assessment, etf.AssessmentBody, error) {
	a, err := s.store.NewestAssessment(ctx, exchange)
	if err != nil {
		if etf.KindOf(err) == etf.KindNotFound {
			err = nil
		}
		return etf.Assessment{}, etf.AssessmentBody{}, err
	}
	body, _, err := assess.Read(a)
	return a, body, err
}

// servedModel returns the model that is served on an exchange at a horizon: by the gate's newest verdict at the longest scored horizon that is
// not longer, or else at the shortest. It is the benchmark unless another has passed there and is one of this program's.
func (s *Service) servedModel(ctx context.Context, exchange etf.Exchange, horizon int) (string, error) {
	_, body, err := s.assessment(ctx, exchange)
	if err != nil {
		return "", err
	}
	return s.servedBy(body, horizon), nil
}

// servedBy returns the model that an assessment says is served at a horizon; the benchmark without one.
func (s *Service) servedBy(body etf.AssessmentBody, horizon int) string {
	if model, _ := assess.Served(body, horizon); model != "" && s.knows(model) {
		return model
	}
	return s.served
}

// servedModels are the models that are served at etf.OverviewHorizons, by exchange.
type servedModels map[etf.Exchange][len(etf.OverviewHorizons)]string

// servedModels reads which they are. An assessment that is damaged says nothing: then it is the benchmark.
func (s *Service) servedModels(ctx context.Context) (servedModels, error) {
	list := servedModels{}
	for _, x := range etf.Exchanges() {
		_, body, err := s.assessment(ctx, x)
		if err != nil && etf.KindOf(err) != etf.KindCorrupt {
			return nil, err
		}
		var served [len(etf.OverviewHorizons)]string
		for k, h := range etf.OverviewHorizons {
			served[k] = s.servedBy(body, h)
		}
		list[x] = served
	}
	return list, nil
}

// models lists the models of each exchange, the benchmark among them, each once.
func (l servedModels) models(benchmark string) map[etf.Exchange][]string {
	all := map[etf.Exchange][]string{}
	for x, served := range l {
		names := append([]string{benchmark}, served[:]...)
		slices.Sort(names)
		all[x] = slices.Compact(names)
	}
	return all
}

// Record returns what the record says of a forecast. An entry has no calibration and is never served, and nothing is said of it.
func (s *Service) Record(ctx context.Context, f etf.Forecast) (ForecastRecord, error) {
	var r ForecastRecord
	if f.Entered() {
		return r, nil
	}
	e, err := s.store.ETF(ctx, f.ETF())
	if err != nil {
		return r, err
	}
	if len(f.Raw) > 0 {
		if _, r.Calibration, err = issue.ModelParams(f.Params); err != nil {
			return r, err
		}
	}
	if f.Model == combination.Name {
		r.Weights = weightsOf(f.Params)
	}
	a, body, err := s.assessment(ctx, e.Exchange)
	if err != nil || a.Hash == "" {
		return r, err
	}
	r.Assessment, r.Through = a.Hash, a.Through
	for _, c := range body.Coverage {
		if c.Model == f.Model {
			r.Coverage = append(r.Coverage, HorizonCoverage{c.Horizon, c.Measures})
		}
	}
	r.Skill = s.skillOf(body, f.Model)
	return r, nil
}

// skillOf returns how a model compares with the benchmark at each scored horizon; of the benchmark itself, only where it is served.
func (s *Service) skillOf(body etf.AssessmentBody, model string) []HorizonSkill {
	var list []HorizonSkill
	for _, c := range body.Coverage {
		if c.Model != model {
			continue
		}
		skill := HorizonSkill{Horizon: c.Horizon}
		if served, _ := assess.Served(body, c.Horizon); served == model || served == "" && model == s.benchmark() {
			skill.Served = true
		}
		for _, k := range body.Skill {
			if k.Model == model && k.Horizon == c.Horizon {
				skill.N, skill.RelCRPS, skill.Low, skill.High = k.N, k.RelCRPS, k.Low, k.High
			}
		}
		for _, v := range body.Gate {
			if v.Model == model && v.Horizon == c.Horizon {
				skill.Verdict = &v
			}
		}
		list = append(list, skill)
	}
	return list
}

// weightsOf reads a combination's weights from its parameters; nil if they can't be read.
func weightsOf(params string) map[string]map[string]float64 {
	var p struct {
		Horizons []int `json:"horizons"`
		Members  []struct {
			Model   string    `json:"model"`
			Weights []float64 `json:"weights"`
		} `json:"members"`
	}
	if err := json.Unmarshal([]byte(params), &p); err != nil || len(p.Members) == 0 {
		return nil
	}
	weights := map[string]map[string]float64{}
	add := func(horizon, model string, w float64) {
		if weights[horizon] == nil {
			weights[horizon] = map[string]float64{}
		}
		weights[horizon][model] = w
	}
	for _, m := range p.Members {
		if len(p.Horizons) == 0 {
			add("1", m.Model, 1/float64(len(p.Members)))
		}
		for k, h := range p.Horizons {
			if k < len(m.Weights) {
				add(strconv.Itoa(h), m.Model, m.Weights[k])
			}
		}
	}
	return weights
}

// GateRequest selects verdicts of the gate, as the user wrote it. Empty fields select everything.
type GateRequest struct {
	Exchange string
	Model    string
	Horizon  string
	After    etf.GatePosition
	Limit    int
}

// CheckGate returns the filter of a request, or everything that is wrong with it, as KindInvalid.
func (s *Service) CheckGate(r GateRequest) (etf.GateFilter, error) {
	f := etf.GateFilter{Model: r.Model}
	var exchangeErr, modelErr, horizonErr error
	if r.Exchange != "" {
		f.Exchange, exchangeErr = etf.ParseExchange(r.Exchange)
	}
	if r.Model != "" && !modelForm.MatchString(r.Model) {
		modelErr = s.unknownModel(r.Model)
	}
	f.Horizon, horizonErr = parseHorizon(r.Horizon)
	return f, errors.Join(exchangeErr, modelErr, horizonErr)
}

// GateVerdicts returns the gate's verdicts, newest session first, then by exchange, horizon and model, and the position of the next page: zero
// after the last.
func (s *Service) GateVerdicts(ctx context.Context, r GateRequest) ([]etf.GateVerdict, etf.GatePosition, error) {
	f, err := s.CheckGate(r)
	if err != nil {
		return nil, etf.GatePosition{}, err
	}
	return s.store.GateVerdicts(ctx, f, r.After, r.Limit)
}

// ServedModels returns what is served instead of the benchmark, by the newest verdicts.
func (s *Service) ServedModels(ctx context.Context) ([]etf.GateVerdict, error) {
	var list []etf.GateVerdict
	for _, exchange := range etf.Exchanges() {
		_, body, err := s.assessment(ctx, exchange)
		if err != nil {
			return nil, err
		}
		for _, v := range body.Gate {
			if v.Served && s.knows(v.Model) {
				list = append(list, v)
			}
		}
	}
	return list, nil
}

// Coverages calls do with each measured coverage of the newest assessments.
func (s *Service) Coverages(ctx context.Context, do func(exchange etf.Exchange, model string, horizon int, m etf.CoverageMeasure)) error {
	for _, exchange := range etf.Exchanges() {
		_, body, err := s.assessment(ctx, exchange)
		if err != nil {
			return fmt.Errorf("reading the newest assessment of %s: %w", exchange, err)
		}
		for _, c := range body.Coverage {
			for _, m := range c.Measures {
				do(exchange, c.Model, c.Horizon, m)
			}
		}
	}
	return nil
}
