package prophet

import "github.com/etfcast/etfcast/etf"

// Growth is the shape of the trend.
type Growth string

// The growths.
const (
	Linear   Growth = "linear"
	Logistic Growth = "logistic"
	Flat     Growth = "flat"
)

// Mode is how a component is combined with the trend.
type Mode string

// The modes: added to the trend, or multiplying it.
const (
	Additive       Mode = "additive"
	Multiplicative Mode = "multiplicative"
)

// Scaling is how y is scaled before the fit.
type Scaling string

// The scalings: by the largest absolute value, or to [0,1].
const (
	AbsMax Scaling = "absmax"
	MinMax Scaling = "minmax"
)

// Optimizer is the method that searches for the maximum of the posterior.
type Optimizer string

// The optimizers.
const (
	// MAP finds the true maximum: deterministic, and at least as probable as the points where the others stop. With
	// multiplicative terms or logistic growth it is a local maximum, the best one found. If the model can fit every row
	// exactly there is no maximum: the density grows without bound as sigma goes to 0, and each optimizer stops somewhere
	// else.
	MAP Optimizer = "map"
	// LBFGS and Newton follow the algorithms that the original runs in Stan and stop where it stops. Auto chooses between
	// them as the original does: Newton below 100 rows, otherwise LBFGS with Newton as the fallback.
	LBFGS  Optimizer = "lbfgs"
	Newton Optimizer = "newton"
	Auto   Optimizer = "auto"
)

// Seasonal says whether one of the three built-in seasonalities is fitted: On, Off, or Auto, which decides from the
// history. A positive number is a Fourier order.
type Seasonal int

// The values of Seasonal that are not an order.
const (
	SeasonalAuto Seasonal = -1
	SeasonalOff  Seasonal = 0
	SeasonalOn   Seasonal = -2
)

// Seasonality is a periodic component: Fourier terms of a period.
type Seasonality struct {
	Name         string  `json:"name"`
	Period       float64 `json:"period"` // days
	FourierOrder int     `json:"fourier_order"`
	// PriorScale is the standard deviation of the coefficients; 0 means Options.SeasonalityPriorScale.
	PriorScale float64 `json:"prior_scale"`
	// Mode is "" for Options.SeasonalityMode.
	Mode Mode `json:"mode"`
	// ConditionName is a column of 0 and 1: the rows in which the seasonality applies; "" = all.
	ConditionName string `json:"condition_name"`
}

// Regressor is an extra column whose effect is linear.
type Regressor struct {
	Name string `json:"name"`
	// PriorScale is the standard deviation of the coefficient; 0 means Options.HolidaysPriorScale.
	PriorScale float64 `json:"prior_scale"`
	// Standardize is "auto" (standardise unless the values are 0 and 1), "true" or "false"; "" = "auto".
	Standardize string `json:"standardize"`
	// Mode is "" for Options.SeasonalityMode.
	Mode Mode `json:"mode"`
}

// Holiday is one row of the table of holidays: a name on a date, with a window of days around it.
type Holiday struct {
	Name string `json:"holiday"`
	DS   Stamp  `json:"ds"`
	// LowerWindow (0 or below) to UpperWindow (0 or above): each offset in days has its own effect.
	LowerWindow int `json:"lower_window"`
	UpperWindow int `json:"upper_window"`
	// PriorScale is the standard deviation of the effects; 0 means Options.HolidaysPriorScale.
	PriorScale float64 `json:"prior_scale"`
}

// Options are the original's arguments under the original's names, plus Compat, Optimizer, Seed and Market. Defaults returns
// the original's defaults; New checks Options.
type Options struct {
	Growth Growth
	// Changepoints are dates on which the trend may change; nil = chosen automatically, empty = none.
	Changepoints []Stamp
	// NChangepoints is how many are chosen automatically, evenly over the first ChangepointRange of the history's rows.
	NChangepoints    int
	ChangepointRange float64
	// The built-in seasonalities: periods of 365.25, 7 and 1 days, orders 10, 3 and 4.
	YearlySeasonality, WeeklySeasonality, DailySeasonality Seasonal
	Seasonalities                                          []Seasonality // additional ones, in the order they are added
	Regressors                                             []Regressor
	Holidays                                               []Holiday
	CountryHolidays                                        string // a country code of package calendar/holidays; "" = none
	SeasonalityMode                                        Mode
	HolidaysMode                                           Mode // "" = SeasonalityMode
	SeasonalityPriorScale                                  float64
	HolidaysPriorScale                                     float64
	ChangepointPriorScale                                  float64
	// MCMCSamples > 0 samples the posterior instead of maximising it: iterations per chain, the first half of them
	// warm-up.
	MCMCSamples int
	// IntervalWidth is the probability that the intervals cover, in (0,1).
	IntervalWidth float64
	// UncertaintySamples is the number of simulated paths; 0 = no intervals.
	UncertaintySamples int
	Scaling            Scaling
	// Compat keeps the original's arithmetic where its forecasts come from another model than its fit, or its
	// cross-validation evaluates another model than the one given:
	//
	//   - Forecast: multiplicative terms multiply the whole trend. The fit subtracts the floor (that of logistic growth or,
	//     with MinMax, the lowest y) before it multiplies, and so do forecasts without Compat.
	//   - Cross-validation: refits scale by AbsMax, whatever Scaling says.
	Compat bool

	Optimizer Optimizer
	Seed      uint64
	Market    Market
}

// Market holds the deviations from the original for prices on trading days. The zero value is the original.
type Market struct {
	// Exchange is the trading calendar, "XNYS" or "XKRX"; "" = none. SessionTime and SessionHolidays use it, and it is the
	// default frequency of future frames.
	Exchange string `json:"exchange,omitempty"`
	// Own are the sessions of a series of no exchange, whose own dates are the calendar; nil = none. It takes the place of Exchange and is not
	// written to configurations.
	Own *OwnSessions `json:"-"`
	// LogScale fits log y and forecasts its exp, so that a forecast is positive and its spread is a percentage. The unit of y
	// makes no difference: with AbsMax, the scaled y is the distance from the median, and 1 is the distance between the 5 %
	// and the 95 % quantile. Scaling MinMax does not depend on the unit either.
	LogScale bool `json:"log_scale,omitempty"`
	// WeekdayBasis restricts the weekly seasonality to what the weekdays of the history identify: its effect on a weekday
	// that is never observed is 0; in the original only the prior determines it.
	WeekdayBasis bool `json:"weekday_basis,omitempty"`
	// SessionTime counts the trend's time in trading sessions, so that it does not change over a weekend or a closed week.
	SessionTime bool `json:"session_time,omitempty"`
	// SessionHolidays adds the effects before_closure and after_closure to the sessions next to a weekday on which the
	// exchange is closed.
	SessionHolidays bool `json:"session_holidays,omitempty"`
	// ResidualAR1 models the distance of the rows from the model as an autoregressive process of order one in sessions,
	// estimated together with the model, instead of independent noise in every row: a forecast starts from the last
	// price. A row of the history is forecast from the previous row. Innovations have Student's t distribution, and a single
	// wrong price is left out. y is scaled as with LogScale. It needs SessionTime.
	ResidualAR1 bool `json:"residual_ar1,omitempty"`
}

// MarketFor returns a Market with every option turned on for an exchange.
func MarketFor(exchange string) Market {
	return Market{Exchange: exchange, LogScale: true, WeekdayBasis: true, SessionTime: true, SessionHolidays: true, ResidualAR1: true}
}

// OwnSessions are sessions, ascending. After the last of them, every day from Monday to Friday is one.
type OwnSessions struct{ Days []etf.Session }

// MarketOf returns a Market with every option turned on for a series of no exchange with these sessions, one or more.
func MarketOf(sessions []etf.Session) Market {
	m := MarketFor("")
	m.Own = &OwnSessions{sessions}
	return m
}

// MarketSeasonalityPriorScale is the prior scale of seasonalities for prices. With the logarithm fitted, a unit is the
// distance between the 5 % and the 95 % quantile of the history, about 0.3 in two years and 1 in ten, so each of the twenty
// coefficients of a year is 0.3 to 1 %. The original's 10 lets a seasonality follow any excursion of
// the price, and a forecast continues it: with 600 rows the error 21 sessions ahead is then 1.13 times the random walk's.
const MarketSeasonalityPriorScale = 0.01

// MarketDefaults returns Defaults for prices on an exchange: MarketFor, and MarketSeasonalityPriorScale.
func MarketDefaults(exchange string) Options {
	o := Defaults()
	o.Market, o.SeasonalityPriorScale = MarketFor(exchange), MarketSeasonalityPriorScale
	return o
}

// Defaults returns the original's defaults, with Optimizer MAP and Seed 0.
func Defaults() Options {
	return Options{
		Growth: Linear, NChangepoints: 25, ChangepointRange: 0.8,
		YearlySeasonality: SeasonalAuto, WeeklySeasonality: SeasonalAuto, DailySeasonality: SeasonalAuto,
		SeasonalityMode: Additive, SeasonalityPriorScale: 10, HolidaysPriorScale: 10, ChangepointPriorScale: 0.05,
		IntervalWidth: 0.8, UncertaintySamples: 1000, Scaling: AbsMax, Optimizer: MAP,
	}
}
