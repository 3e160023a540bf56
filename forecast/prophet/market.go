package prophet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// The holidays that Market.SessionHolidays adds.
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
	if k.Exchange == "" && k.Own == nil && (k.SessionTime || k.SessionHolidays) {
		return etf.Invalid("market.exchange", "session_time and session_holidays need an exchange", "use "+etf.ExchangeList())
	}
	if k.ResidualAR1 && !k.SessionTime {
		return etf.Invalid("market.residual_ar1", "the residual fades from session to session, but session_time is off", "turn session_time on, or leave out residual_ar1")
	}
	if k.ResidualAR1 && (o.Growth == Logistic || o.Optimizer != MAP || o.MCMCSamples > 0) {
		return etf.Invalid("market.residual_ar1", "residual_ar1 needs linear or flat growth, optimizer map and no mcmc_samples", "change those options, or leave out residual_ar1")
	}
	if k.LogScale || k.ResidualAR1 {
		const remedy = "use additive terms: on the logarithmic scale they are factors of the trend"
		modes := map[string]Mode{"seasonality_mode": o.SeasonalityMode, "holidays_mode": o.HolidaysMode}
		for i, s := range o.Seasonalities {
			modes[fmt.Sprintf("seasonalities[%d].mode", i)] = s.Mode
		}
		for i, r := range o.Regressors {
			modes[fmt.Sprintf("regressors[%d].mode", i)] = r.Mode
		}
		for _, field := range slices.Sorted(maps.Keys(modes)) {
			if modes[field] == Multiplicative {
				return etf.Invalid(field, "multiplicative terms can't be combined with market.log_scale or market.residual_ar1", remedy)
			}
		}
	}
	if k.LogScale && o.Growth == Logistic {
		return etf.Invalid("market.log_scale", "logistic growth saturates at cap and floor, which have no meaning on a logarithmic scale", "use linear or flat growth, or leave out log_scale")
	}
	return nil
}

// unitFree reports whether y is scaled relative to its median, so that neither the unit nor the level of y matters. (A fit
// stored by version 0.1.0 has the median 0.)
func (o *Options) unitFree() bool {
	return o.Scaling == AbsMax && (o.Market.LogScale || o.Market.ResidualAR1)
}

func tradingCalendar(exchange string) (*calendar.Calendar, error) {
	cal, err := calendar.Named(exchange)
	if etf.KindOf(err) == etf.KindInvalid && err != nil {
		return nil, etf.Invalid("market.exchange", fmt.Sprintf("%q has no calendar", exchange), "use "+etf.ExchangeList())
	}
	return cal, err
}

// closures returns the sessions before and after each weekday on which the exchange is closed, within the span of ds.
func closures(k Market, ds []Stamp) (before, after []Stamp, err error) {
	lo, hi := slices.Min(ds).session().AddDays(-14), slices.Max(ds).session().AddDays(14)
	if k.Exchange == "" {
		before, after = gaps(k.Own.Days, lo, hi)
		return before, after, nil
	}
	cal, err := tradingCalendar(k.Exchange)
	if err != nil {
		return nil, nil, err
	}
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

// gaps returns the sessions before and after each weekday between two sessions, from lo to hi.
func gaps(sessions []etf.Session, lo, hi etf.Session) (before, after []Stamp) {
	for i := 1; i < len(sessions); i++ {
		for day := max(sessions[i-1]+1, lo); day < min(sessions[i], hi+1); day++ {
			if weekday(day) {
				before, after = append(before, SessionStamp(sessions[i-1])), append(after, SessionStamp(sessions[i]))
			}
		}
	}
	return before, after
}

func weekday(s etf.Session) bool { return s.Weekday() != time.Saturday && s.Weekday() != time.Sunday }

// minWeekdayShare is the share of rows below which a weekday counts as not traded: one make-up session on a Saturday each
// year does not make Saturday a trading day.
const minWeekdayShare = 0.01

// weekdayBasis returns the orthonormal columns C (order*2 x r, row-major) that span the coefficients of a weekly Fourier
// series whose effect is 0 on weekdays that are almost never observed; nil if all seven are observed.
//
// The reason: on Monday-to-Friday rows the six columns of order 3 and the intercept have only five values to explain. Only
// the priors determine the other two directions: they put large effects of opposite sign on Saturday and Sunday, which
// the trend then offsets. C keeps exactly what the weekdays identify. Since C is orthonormal, the coefficients within
// it have the original's normal prior, and C times them gives the original's coefficients.
func weekdayBasis(ds []Stamp, order int) ([][]float64, error) {
	var rows [7]int
	for _, s := range ds {
		if s != s.Date() {
			return nil, etf.Invalid("market.weekday_basis", fmt.Sprintf("%s has a time of day", s), "use daily rows without a time of day, or leave out weekday_basis")
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
