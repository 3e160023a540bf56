// Package catalogue lists every forecasting model by its name: with its default settings, or with the parameters that a stored forecast
// names. A new model is added here and nowhere else.
package catalogue

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/ets"
	"github.com/etfcast/etfcast/forecast/ewma"
	"github.com/etfcast/etfcast/forecast/garch"
	"github.com/etfcast/etfcast/forecast/histsim"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/forecast/theta"
)

// Benchmark is the model that the others are compared with.
const Benchmark = drift.Name

// entry is how a model is made.
type entry struct {
	name  string
	make  func() (forecast.Model, error)
	parse func(params string) (forecast.Model, error)
}

// entries are the models but for the combination, the benchmark first.
var entries = []entry{
	{drift.Name, of(func() (*drift.Model, error) { return drift.New(drift.Settings{}) }), parsed(drift.Parse)},
	{ets.Name, of(func() (*ets.Model, error) { return ets.New(ets.Settings{}) }), parsed(ets.Parse)},
	{ewma.Name, of(func() (*ewma.Model, error) { return ewma.New(ewma.Settings{}) }), parsed(ewma.Parse)},
	{histsim.Name, of(func() (*histsim.Model, error) { return histsim.New(histsim.Settings{}) }), parsed(histsim.Parse)},
	thetaEntry(theta.Standard),
	thetaEntry(theta.Optimised),
	thetaEntry(theta.Dynamic),
	{garch.Name, of(func() (*garch.Model, error) { return garch.New(garch.Settings{}) }), parsed(garch.Parse)},
	{garch.NameGJR, of(func() (*garch.Model, error) { return garch.NewGJR(garch.Settings{}) }), parsed(garch.ParseGJR)},
	{market.Name, of(func() (*market.Model, error) { return market.New(market.Settings{}) }), parsed(market.Parse)},
	{market.NameEWMA, of(func() (*market.Model, error) { return market.New(market.Settings{Volatility: market.EWMA}) }), parsed(market.EWMA.Parse)},
}

func thetaEntry(v theta.Variant) entry {
	return entry{string(v), of(func() (*theta.Model, error) { return theta.New(theta.Settings{Variant: v}) }), parsed(v.Parse)}
}

// of turns a constructor's result into a model; parsed does the same of one that reads parameters. A nil pointer must not become an
// interface that is not nil.
func of[M forecast.Model](make func() (M, error)) func() (forecast.Model, error) {
	return func() (forecast.Model, error) {
		m, err := make()
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

func parsed[M forecast.Model](parse func(string) (M, error)) func(string) (forecast.Model, error) {
	return func(params string) (forecast.Model, error) {
		m, err := parse(params)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

// Daily returns the names of the models that forecast every ETF unless others are set, the benchmark first.
func Daily() []string {
	return []string{Benchmark, market.Name, ets.Name, string(theta.Standard), garch.Name, combination.Name}
}

// Names returns the names of all models, the benchmark first and the combination last.
func Names() []string {
	names := make([]string, 0, len(entries)+1)
	for _, e := range entries {
		names = append(names, e.name)
	}
	return append(names, combination.Name)
}

// New returns the models of these names, with default settings, in their order. "combination" combines the others in the list, with equal
// weights. Errors are of KindInvalid with Field "models": an unknown name, one named twice, a combination of fewer than two.
func New(names []string) ([]forecast.Model, error) {
	var list []forecast.Model
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, etf.Invalid("models", fmt.Sprintf("%q is named twice", name), "name each model once")
		}
		seen[name] = true
		if name == combination.Name {
			list = append(list, nil)
			continue
		}
		i := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
		if i < 0 {
			return nil, etf.Invalid("models", fmt.Sprintf("there is no model %q", name), "choose among "+strings.Join(Names(), ", "))
		}
		m, err := entries[i].make()
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	at := slices.Index(names, combination.Name)
	if at < 0 {
		return list, nil
	}
	var set combination.Settings
	for _, m := range list {
		if m != nil {
			set.Members = append(set.Members, combination.Member{Model: m})
		}
	}
	m, err := combination.New(set)
	if err != nil {
		return nil, etf.Invalid("models", "a combination needs two other models", "name them, for example drift,prophet,combination")
	}
	list[at] = m
	return list, nil
}

// Parse returns the model with the parameters that its Params wrote. KindInvalid for an unknown name, and for parameters of another version.
func Parse(name, params string) (forecast.Model, error) {
	if name == combination.Name {
		return parsed(func(text string) (*combination.Model, error) { return combination.Parse(text, Parse) })(params)
	}
	for _, e := range entries {
		if e.name == name {
			return e.parse(params)
		}
	}
	return nil, etf.Invalid("model", fmt.Sprintf("this program has no model %q", name), "use the program that made the forecast")
}

// reserved are names of models that are not there yet; others' entries can't take them.
var reserved = []string{"lstm"}

// Reserved returns the names that no entrant may take.
func Reserved() []string {
	all := map[string]bool{}
	for _, name := range slices.Concat(Names(), reserved) {
		all[name] = true
	}
	return slices.Sorted(maps.Keys(all))
}
