package prophet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/calendar/holidays"
	"github.com/etfcast/etfcast/etf"
)

// Model is a model to fit: checked options. It is immutable and safe for concurrent use.
type Model struct {
	o Options
}

// New checks the options and fills in what follows from them: prior scales and modes of individual components, and
// NChangepoints if changepoints are given. Errors are of KindInvalid and name the option.
func New(o Options) (*Model, error) {
	o = o.clone()
	for _, check := range []func(*Options) error{
		checkChoices, checkNumbers, checkSeasonalities, checkRegressors, checkHolidays, checkMarket,
	} {
		if err := check(&o); err != nil {
			return nil, err
		}
	}
	if o.Changepoints != nil {
		o.NChangepoints = len(o.Changepoints)
	}
	return &Model{o: o}, nil
}

// Options returns the options as filled in by New.
func (m *Model) Options() Options { return m.o.clone() }

// clone returns a copy of o that shares no memory with it.
func (o Options) clone() Options {
	o.Changepoints = slices.Clone(o.Changepoints)
	o.Seasonalities = slices.Clone(o.Seasonalities)
	o.Regressors = slices.Clone(o.Regressors)
	o.Holidays = slices.Clone(o.Holidays)
	return o
}

// choice checks that value is one of the allowed ones.
func choice[T ~string](field string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return etf.Invalid(field, fmt.Sprintf("%q is not an allowed value", value), "use "+strings.Join(names, ", "))
}

func checkChoices(o *Options) error {
	if o.HolidaysMode == "" {
		o.HolidaysMode = o.SeasonalityMode
	}
	for _, err := range []error{
		choice("growth", o.Growth, Linear, Logistic, Flat),
		choice("seasonality_mode", o.SeasonalityMode, Additive, Multiplicative),
		choice("holidays_mode", o.HolidaysMode, Additive, Multiplicative),
		choice("scaling", o.Scaling, AbsMax, MinMax),
		choice("optimizer", o.Optimizer, MAP, LBFGS, Newton, Auto),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkNumbers(o *Options) error {
	positive := func(field string, v float64) error {
		if v >= minPrior && v <= 1/minPrior {
			return nil
		}
		return etf.Invalid(field, fmt.Sprintf("%v is not a positive number that can be squared", v), "use a number above 0, such as the default")
	}
	notBelow := func(field string, v, least int) error {
		if v >= least {
			return nil
		}
		return etf.Invalid(field, fmt.Sprintf("%d is too few", v), fmt.Sprintf("use %d or more", least))
	}
	inside := func(field string, v, lo, hi float64, open bool) error {
		if v > lo && v < hi || !open && (v == lo || v == hi) {
			return nil
		}
		return etf.Invalid(field, fmt.Sprintf("%v is not between %v and %v", v, lo, hi), "use a fraction")
	}
	for _, err := range []error{
		positive("seasonality_prior_scale", o.SeasonalityPriorScale),
		positive("holidays_prior_scale", o.HolidaysPriorScale),
		positive("changepoint_prior_scale", o.ChangepointPriorScale),
		inside("changepoint_range", o.ChangepointRange, 0, 1, false),
		inside("interval_width", o.IntervalWidth, 0, 1, true),
		notBelow("n_changepoints", o.NChangepoints, 0),
		notBelow("mcmc_samples", o.MCMCSamples, 0),
		notBelow("uncertainty_samples", o.UncertaintySamples, 0),
		checkSeasonal("yearly_seasonality", o.YearlySeasonality),
		checkSeasonal("weekly_seasonality", o.WeeklySeasonality),
		checkSeasonal("daily_seasonality", o.DailySeasonality),
	} {
		if err != nil {
			return err
		}
	}
	// More than any use needs, and less than what would exhaust the memory of a small machine.
	const most = 1_000_000
	for _, c := range []struct {
		field string
		v     int
	}{{"n_changepoints", o.NChangepoints}, {"mcmc_samples", o.MCMCSamples}, {"uncertainty_samples", o.UncertaintySamples}} {
		if c.v > most {
			return etf.Invalid(c.field, fmt.Sprintf("%d is too many", c.v), fmt.Sprintf("use %d or fewer", most))
		}
	}
	if o.MCMCSamples == 1 {
		return etf.Invalid("mcmc_samples", "one iteration leaves no draw after the warm-up", "use at least 2, better 300 or more")
	}
	return nil
}

// maxOrder limits Fourier orders: beyond it a fit would have thousands of columns.
const maxOrder = 1000

func checkSeasonal(field string, s Seasonal) error {
	if s < SeasonalOn || s > maxOrder {
		return etf.Invalid(field, fmt.Sprintf("%d is not a Fourier order", s), `use "auto", true, false, or a Fourier order from 1 to 1000`)
	}
	return nil
}

// reservedNames are the columns of a forecast and of a history; no component can have one of these names.
var reservedNames = func() map[string]bool {
	reserved := map[string]bool{"ds": true, "y": true, "cap": true, "floor": true, "y_scaled": true, "cap_scaled": true}
	for _, name := range []string{
		"trend", "additive_terms", "daily", "weekly", "yearly", "holidays", "zeros", "extra_regressors_additive",
		"extra_regressors_multiplicative", "multiplicative_terms", "yhat",
	} {
		for _, suffix := range []string{"", "_lower", "_upper"} {
			reserved[name+suffix] = true
		}
	}
	return reserved
}()

// delimiter separates a holiday's name from its offset in the names of columns.
const delimiter = "_delim_"

// names holds the names of components by kind, to find clashes.
type names struct{ holidays, country, seasonalities, regressors map[string]bool } // country's are holidays too

func (o *Options) names() (names, error) {
	n := names{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, h := range o.Holidays {
		n.holidays[h.Name] = true
	}
	if o.CountryHolidays != "" {
		list, err := holidays.Names(o.CountryHolidays)
		if err != nil {
			return n, err
		}
		for _, name := range list {
			n.holidays[name], n.country[name] = true, true
		}
	}
	if o.Market.SessionHolidays {
		n.holidays[beforeClosure], n.holidays[afterClosure] = true, true
	}
	for _, s := range o.Seasonalities {
		n.seasonalities[s.Name] = true
	}
	for _, r := range o.Regressors {
		n.regressors[r.Name] = true
	}
	return n, nil
}

// check refuses a name that is reserved or taken by a component of another kind.
func (n names) check(field, name, kind string) error {
	const remedy = "choose another name"
	switch {
	case name == "":
		return etf.Invalid(field, "the name is empty", "give it a name")
	case strings.Contains(name, delimiter):
		return etf.Invalid(field, fmt.Sprintf("%q contains %q", name, delimiter), remedy)
	case reservedNames[name] && !(kind == "seasonality" && (name == "daily" || name == "weekly" || name == "yearly")):
		return etf.Invalid(field, fmt.Sprintf("%q is the name of a column of every forecast", name), remedy)
	case kind != "holiday" && n.holidays[name]:
		return etf.Invalid(field, fmt.Sprintf("%q is the name of a holiday", name), remedy)
	case kind != "seasonality" && n.seasonalities[name]:
		return etf.Invalid(field, fmt.Sprintf("%q is the name of a seasonality", name), remedy)
	case kind != "regressor" && n.regressors[name]:
		return etf.Invalid(field, fmt.Sprintf("%q is the name of a regressor", name), remedy)
	}
	return nil
}

// minPrior is the smallest prior scale and its inverse the largest: their squares are still finite and positive.
const minPrior = 1e-100

// priorScale returns scale, or otherwise if it is 0.
func priorScale(field string, scale, otherwise float64) (float64, error) {
	if scale == 0 {
		return otherwise, nil
	}
	if !(scale >= minPrior && scale <= 1/minPrior) {
		return 0, etf.Invalid(field, fmt.Sprintf("prior scale %v is not a positive number that can be squared", scale), "use a number above 0, or leave it out")
	}
	return scale, nil
}

func checkSeasonalities(o *Options) error {
	taken, err := o.names()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range o.Seasonalities {
		s := &o.Seasonalities[i]
		field := func(name string) string { return fmt.Sprintf("seasonalities[%d].%s", i, name) }
		if err := taken.check(field("name"), s.Name, "seasonality"); err != nil {
			return err
		}
		if seen[s.Name] {
			return etf.Invalid(field("name"), fmt.Sprintf("two seasonalities have the name %q", s.Name), "keep one, or rename the other")
		}
		seen[s.Name] = true
		if !(s.Period > 0) || math.IsInf(s.Period, 1) {
			return etf.Invalid(field("period"), fmt.Sprintf("the period is %v days", s.Period), "use a number of days above 0")
		}
		if s.FourierOrder < 1 || s.FourierOrder > maxOrder {
			return etf.Invalid(field("fourier_order"), fmt.Sprintf("the Fourier order is %d", s.FourierOrder), fmt.Sprintf("use 1 to %d", maxOrder))
		}
		if s.PriorScale, err = priorScale(field("prior_scale"), s.PriorScale, o.SeasonalityPriorScale); err != nil {
			return err
		}
		if s.Mode == "" {
			s.Mode = o.SeasonalityMode
		}
		if err := choice(field("mode"), s.Mode, Additive, Multiplicative); err != nil {
			return err
		}
		if s.ConditionName != "" {
			if err := taken.check(field("condition_name"), s.ConditionName, "condition"); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRegressors(o *Options) error {
	taken, err := o.names()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range o.Regressors {
		r := &o.Regressors[i]
		field := func(name string) string { return fmt.Sprintf("regressors[%d].%s", i, name) }
		if err := taken.check(field("name"), r.Name, "regressor"); err != nil {
			return err
		}
		if seen[r.Name] {
			return etf.Invalid(field("name"), fmt.Sprintf("two regressors have the name %q", r.Name), "keep one, or rename the other")
		}
		seen[r.Name] = true
		if r.PriorScale, err = priorScale(field("prior_scale"), r.PriorScale, o.HolidaysPriorScale); err != nil {
			return err
		}
		if r.Mode == "" {
			r.Mode = o.SeasonalityMode
		}
		if r.Standardize == "" {
			r.Standardize = "auto"
		}
		if err := choice(field("mode"), r.Mode, Additive, Multiplicative); err != nil {
			return err
		}
		if err := choice(field("standardize"), r.Standardize, "auto", "true", "false"); err != nil {
			return err
		}
	}
	return nil
}

// maxWindow limits a holiday's window: each day of it is a column.
const maxWindow = 366

func checkHolidays(o *Options) error {
	taken, err := o.names()
	if err != nil {
		return err
	}
	scales := map[string]float64{}
	for i := range o.Holidays {
		h := &o.Holidays[i]
		field := func(name string) string { return fmt.Sprintf("holidays[%d].%s", i, name) }
		if err := taken.check(field("holiday"), h.Name, "holiday"); err != nil {
			return err
		}
		if h.DS < minStamp || h.DS >= maxStamp {
			return etf.Invalid(field("ds"), fmt.Sprintf("%s is outside 1678-01-01 to 2261-12-31", h.DS), "use a date in this range")
		}
		if h.LowerWindow > 0 || h.LowerWindow < -maxWindow {
			return etf.Invalid(field("lower_window"), fmt.Sprintf("%d days", h.LowerWindow), fmt.Sprintf("use 0 to -%d: days before the holiday", maxWindow))
		}
		if h.UpperWindow < 0 || h.UpperWindow > maxWindow {
			return etf.Invalid(field("upper_window"), fmt.Sprintf("%d days", h.UpperWindow), fmt.Sprintf("use 0 to %d: days after the holiday", maxWindow))
		}
		if h.PriorScale, err = priorScale(field("prior_scale"), h.PriorScale, o.HolidaysPriorScale); err != nil {
			return err
		}
		if first, ok := scales[h.Name]; ok && first != h.PriorScale {
			return etf.Invalid(field("prior_scale"), fmt.Sprintf("%q has prior scales %v and %v", h.Name, first, h.PriorScale), "give all rows of one holiday the same prior scale")
		}
		scales[h.Name] = h.PriorScale
		if taken.country[h.Name] && h.PriorScale != o.HolidaysPriorScale {
			return etf.Invalid(field("prior_scale"), fmt.Sprintf("%q is also a holiday of %s, with prior scale %v", h.Name, o.CountryHolidays, o.HolidaysPriorScale),
				"give it that prior scale or another name")
		}
	}
	return nil
}
