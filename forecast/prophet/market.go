package prophet

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// The effects of Market.SessionHolidays.
const (
	beforeClosure = "before_closure"
	afterClosure  = "after_closure"
)

func checkMarket(o *Options) error {
	k := o.Market
	if k.Exchange != "" {
		if _, err := tradingCalendar(k.Exchange); err != nil {
			return err
		}
	}
	if k.Exchange == "" && (k.SessionTime || k.SessionHolidays) {
		return etf.Invalid("market.exchange", "sessions are counted on an exchange's calendar and none is named", "name XNYS or XKRX")
	}
	if k.ResidualAR1 && !k.SessionTime {
		return etf.Invalid("market.residual_ar1", "the residual fades by the session and session_time is off", "turn session_time on, or leave residual_ar1 out")
	}
	if k.ResidualAR1 && (o.Growth == Logistic || o.Optimizer != MAP || o.MCMCSamples > 0) {
		return etf.Invalid("market.residual_ar1", "its autocorrelation is estimated with linear or flat growth and the optimizer map only", "choose those, or leave residual_ar1 out")
	}
	if k.LogScale || k.ResidualAR1 {
		const remedy = "use additive terms: on the logarithmic scale they multiply"
		modes := map[string]Mode{"seasonality_mode": o.SeasonalityMode, "holidays_mode": o.HolidaysMode}
		for i, s := range o.Seasonalities {
			modes[fmt.Sprintf("seasonalities[%d].mode", i)] = s.Mode
		}
		for i, r := range o.Regressors {
			modes[fmt.Sprintf("regressors[%d].mode", i)] = r.Mode
		}
		for _, field := range slices.Sorted(maps.Keys(modes)) {
			if modes[field] == Multiplicative {
				return etf.Invalid(field, "multiplicative terms exclude market.log_scale and market.residual_ar1", remedy)
			}
		}
	}
	if k.LogScale && o.Growth == Logistic {
		return etf.Invalid("market.log_scale", "logistic growth saturates at cap and floor, which have no meaning on a logarithmic scale", "use linear or flat growth, or leave log_scale out")
	}
	return nil
}

func tradingCalendar(exchange string) (*calendar.Calendar, error) {
	x, err := etf.ParseExchange(exchange)
	if err != nil {
		return nil, etf.Invalid("market.exchange", fmt.Sprintf("%q has no calendar", exchange), "name XNYS or XKRX")
	}
	return calendar.For(x)
}

// closures returns the sessions next to a weekday without one, within the span of ds: before and after it.
func closures(exchange string, ds []Stamp) (before, after []Stamp, err error) {
	cal, err := tradingCalendar(exchange)
	if err != nil {
		return nil, nil, err
	}
	lo, hi := slices.Min(ds).session().AddDays(-14), slices.Max(ds).session().AddDays(14)
	span := cal.Range()
	for _, c := range cal.Closures(etf.Window{From: max(lo, span.From), To: min(hi, span.To)}) {
		if s, err := cal.Previous(c.Date); err == nil {
			before = append(before, SessionStamp(s))
		}
		if s, err := cal.Next(c.Date); err == nil {
			after = append(after, SessionStamp(s))
		}
	}
	return before, after, nil
}

// minWeekdayShare is the share of rows below which a weekday counts as not traded: a Saturday session made up for
// once a year is no weekday of its own.
const minWeekdayShare = 0.01

// weekdayBasis returns the orthonormal columns C (order*2 x r, row-major) that span the coefficients of a weekly
// Fourier series whose effect is 0 on the weekdays hardly ever observed; nil where all seven are observed.
//
// Why: on Monday-to-Friday rows the six columns of order 3 and the intercept have only five values to explain. Two
// directions are then left to the priors, which put large effects of opposite sign on Saturday and Sunday into the
// week and take them back in the trend. C leaves exactly what the weekdays identify. Since C is orthonormal, the
// normal prior on the coefficients within it is the original's, and C times them are the original's coefficients.
func weekdayBasis(ds []Stamp, order int) ([][]float64, error) {
	var rows [7]int
	for _, s := range ds {
		if s != s.Date() {
			return nil, etf.Invalid("market.weekday_basis", fmt.Sprintf("%s has a time of day", s), "use it for daily rows, or leave it out")
		}
		rows[s.Weekday()]++
	}
	least := int(math.Ceil(minWeekdayShare * float64(len(ds))))
	var unseen []Stamp
	for day, n := range rows {
		if n < least {
			unseen = append(unseen, DateOf(1970, 1, 4)+Stamp(day)*Day) // 1970-01-04 was a Sunday
		}
	}
	width := 2 * order
	if len(unseen) == 0 || len(unseen) == 7 {
		return nil, nil
	}
	a := mat.NewDense(len(unseen), width, nil)
	for i, s := range unseen {
		for n := 1; n <= order; n++ {
			sin, cos := fourierTerm(s, 7, n)
			a.Set(i, 2*n-2, sin)
			a.Set(i, 2*n-1, cos)
		}
	}
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDFullV) {
		return nil, &etf.Error{Kind: etf.KindInternal, Field: "market.weekday_basis", Message: "the basis of the weekdays has no singular value decomposition"}
	}
	var v mat.Dense
	svd.VTo(&v)
	rank := 0
	for _, s := range svd.Values(nil) {
		if s > 1e-9 {
			rank++
		}
	}
	basis := make([][]float64, width)
	for i := range basis {
		for j := rank; j < width; j++ {
			basis[i] = append(basis[i], v.At(i, j))
		}
	}
	return basis, nil
}
