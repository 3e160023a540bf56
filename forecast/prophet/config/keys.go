package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

const (
	modeValues   = `"additive", "multiplicative"`
	countValues  = "whole number"
	numberValues = "number"
	textValues   = "text"
)

// configKeys is a function because the table and the functions that read it refer to each other.
func configKeys() []key[document] {
	seasonal := func(name, meaning string, at func(*document) *prophet.Seasonal) key[document] {
		return field(name, `"auto", true, false, whole number`, meaning, at, readSeasonal, writeSeasonal)
	}
	number := func(name, meaning string, at func(*document) *float64) key[document] {
		return field(name, numberValues, meaning, at, node.number, asIs)
	}
	count := func(name, meaning string, at func(*document) *int) key[document] {
		return field(name, countValues, meaning, at, node.count, asIs)
	}
	return []key[document]{
		field("growth", `"linear", "logistic", "flat"`, "Shape of the trend. Logistic needs the column cap, and takes the column floor.",
			func(c *document) *prophet.Growth { return &c.Growth }, readText[prophet.Growth], asIs),
		field("changepoints", "list of dates, null", "Dates on which the trend may change, without duplicates. Null chooses them automatically; an empty list means none.",
			func(c *document) *[]prophet.Stamp { return &c.Changepoints }, readStamps, writeStamps),
		count("n_changepoints", "How many changepoints are chosen automatically, at most 2000.", func(c *document) *int { return &c.NChangepoints }),
		number("changepoint_range", "The fraction of the history, from its start, in which they are chosen: 0 to 1.", func(c *document) *float64 { return &c.ChangepointRange }),
		seasonal("yearly_seasonality", "Period 365.25 days. A number is the Fourier order; true is order 10; auto needs two years of history.",
			func(c *document) *prophet.Seasonal { return &c.YearlySeasonality }),
		seasonal("weekly_seasonality", "Period 7 days; true is order 3; auto needs two weeks of history and rows less than a week apart.",
			func(c *document) *prophet.Seasonal { return &c.WeeklySeasonality }),
		seasonal("daily_seasonality", "Period 1 day; true is order 4; auto needs two days of history and rows less than a day apart.",
			func(c *document) *prophet.Seasonal { return &c.DailySeasonality }),
		{name: "seasonalities", values: "list of objects", meaning: "Additional seasonalities. Duplicate names are refused; the original overwrites the first.",
			set: func(c *document, n node) (err error) {
				c.Seasonalities, err = readList(seasonalityKeys, n)
				return err
			},
			get: func(c *document) any { return listOf(seasonalityKeys, c.Seasonalities) }},
		{name: "regressors", values: "list of objects", meaning: "Extra regressors: columns of the history and of the rows to forecast. Duplicate names are refused; the original overwrites the first.",
			set: func(c *document, n node) (err error) {
				c.Regressors, err = readList(regressorKeys, n)
				return err
			},
			get: func(c *document) any { return listOf(regressorKeys, c.Regressors) }},
		{name: "holidays", values: "list of objects, null", meaning: "Holidays and other dates with an effect.",
			set: func(c *document, n node) (err error) {
				if n.value == nil {
					c.Holidays = nil
					return nil
				}
				c.Holidays, err = readList(holidayKeys, n)
				return err
			},
			get: func(c *document) any { return listOf(holidayKeys, c.Holidays) }},
		field("country_holidays", "text, null", "Public holidays of a country, by its code: US (1971 to 2050), DE (1991 to 2050), TW (1998 to 2050), or AU, CA, CH, CN, FR, GB, HK, IE, IN, IT, JP, KR, NL, SE (1990 to 2050). Dates outside these years are refused, both in the history and in the rows to forecast.",
			func(c *document) *string { return &c.CountryHolidays }, orNull(readText[string]), nullIfEmpty),
		field("seasonality_mode", modeValues, "Whether seasonalities and regressors are added to the trend or multiply it, unless they have their own mode.",
			func(c *document) *prophet.Mode { return &c.SeasonalityMode }, readText[prophet.Mode], asIs),
		field("holidays_mode", modeValues+", null", "The same for holidays; null is seasonality_mode.",
			func(c *document) *prophet.Mode { return &c.HolidaysMode }, orNull(readText[prophet.Mode]), nullIfEmpty),
		number("seasonality_prior_scale", "Standard deviation of the prior of seasonalities: smaller is smoother. With \"market\": true the default is 0.01. All prior scales are 1e-100 to 1e100.", func(c *document) *float64 { return &c.SeasonalityPriorScale }),
		number("holidays_prior_scale", "The same for holidays and regressors.", func(c *document) *float64 { return &c.HolidaysPriorScale }),
		number("changepoint_prior_scale", "Scale of the prior of the trend's changes: smaller makes the trend stiffer.", func(c *document) *float64 { return &c.ChangepointPriorScale }),
		count("mcmc_samples", "0 finds the maximum of the posterior; a larger number samples the posterior with that many iterations a chain.", func(c *document) *int { return &c.MCMCSamples }),
		number("interval_width", "The probability that the intervals cover, between 0 and 1.", func(c *document) *float64 { return &c.IntervalWidth }),
		field("uncertainty_samples", "whole number, false", "Number of simulated paths for the intervals; 0 or false means no intervals.",
			func(c *document) *int { return &c.UncertaintySamples }, readSamples, asIs),
		field("scaling", `"absmax", "minmax"`, "How y is scaled before the fit: by its largest absolute value, or to the range 0 to 1.",
			func(c *document) *prophet.Scaling { return &c.Scaling }, readText[prophet.Scaling], asIs),
		field("compat", "true, false", "Keep the original's arithmetic where its forecasts or its cross-validation use another model than its fit: multiplicative terms multiply the floor too, and refits scale by absmax.",
			func(c *document) *bool { return &c.Compat }, node.truth, asIs),
		{name: "market", values: "false, true, object", meaning: "Options for prices on trading days; true turns all of them on and needs exchange.",
			set: readMarket, get: writeMarket},
		{name: "exchange", values: "text, null", meaning: "The trading calendar: " + etf.ExchangeList() + ". Without market it only sets the default frequency of future rows.",
			set: func(c *document, n node) (err error) {
				c.exchange, err = readExchange(n)
				return err
			},
			get: func(*document) any { return nil }}, // written within market
		field("optimizer", `"map", "lbfgs", "newton", "auto"`, "map finds the true maximum; lbfgs and newton are the original's algorithms and stop where it stops; auto chooses between the two as the original does.",
			func(c *document) *prophet.Optimizer { return &c.Optimizer }, readText[prophet.Optimizer], asIs),
		field("seed", countValues, "Seed of everything random: intervals and samples of the posterior.",
			func(c *document) *uint64 { return &c.Seed }, node.seed, asIs),
	}
}

var seasonalityKeys = []key[prophet.Seasonality]{
	need(field("name", textValues, "Its name, a column of the forecast.", func(s *prophet.Seasonality) *string { return &s.Name }, readText[string], asIs)),
	need(field("period", numberValues, "Its period in days.", func(s *prophet.Seasonality) *float64 { return &s.Period }, node.number, asIs)),
	need(field("fourier_order", countValues, "Its Fourier order.", func(s *prophet.Seasonality) *int { return &s.FourierOrder }, node.count, asIs)),
	field("prior_scale", "number, null", "Null is seasonality_prior_scale.", func(s *prophet.Seasonality) *float64 { return &s.PriorScale }, readPriorScale, nullIfZero),
	field("mode", modeValues+", null", "Null is seasonality_mode.", func(s *prophet.Seasonality) *prophet.Mode { return &s.Mode }, orNull(readText[prophet.Mode]), nullIfEmpty),
	field("condition_name", "text, null", "A column of 0 and 1 (or true and false): the rows in which it applies; null means all rows.",
		func(s *prophet.Seasonality) *string { return &s.ConditionName }, orNull(readText[string]), nullIfEmpty),
}

var regressorKeys = []key[prophet.Regressor]{
	need(field("name", textValues, "Its column.", func(r *prophet.Regressor) *string { return &r.Name }, readText[string], asIs)),
	field("prior_scale", "number, null", "Null is holidays_prior_scale.", func(r *prophet.Regressor) *float64 { return &r.PriorScale }, readPriorScale, nullIfZero),
	field("standardize", `"auto", true, false`, "Whether it is scaled to mean 0 and standard deviation 1; auto scales it unless its values are 0 and 1.",
		func(r *prophet.Regressor) *string { return &r.Standardize }, readStandardize, writeStandardize),
	field("mode", modeValues+", null", "Null is seasonality_mode.", func(r *prophet.Regressor) *prophet.Mode { return &r.Mode }, orNull(readText[prophet.Mode]), nullIfEmpty),
}

var holidayKeys = []key[prophet.Holiday]{
	need(field("holiday", textValues, "Its name, a column of the forecast. Give one row for each date it falls on, future dates included.", func(h *prophet.Holiday) *string { return &h.Name }, readText[string], asIs)),
	need(field("ds", "date", "Its date.", func(h *prophet.Holiday) *prophet.Stamp { return &h.DS }, node.stamp, asIs)),
	field("lower_window", countValues, "Days before it that have their own effect, as 0 or a negative number.", func(h *prophet.Holiday) *int { return &h.LowerWindow }, node.count, asIs),
	field("upper_window", countValues, "Days after it that have their own effect.", func(h *prophet.Holiday) *int { return &h.UpperWindow }, node.count, asIs),
	field("prior_scale", "number, null", "Null is holidays_prior_scale.", func(h *prophet.Holiday) *float64 { return &h.PriorScale }, readPriorScale, nullIfZero),
}

var marketKeys = []key[prophet.Market]{
	field("exchange", "text, null", "The trading calendar: "+etf.ExchangeList()+".", func(m *prophet.Market) *string { return &m.Exchange }, readExchange, nullIfEmpty),
	field("log_scale", "true, false", "Fit the logarithm of y.", func(m *prophet.Market) *bool { return &m.LogScale }, node.truth, asIs),
	field("weekday_basis", "true, false", "Restrict the weekly seasonality to the weekdays of the history.", func(m *prophet.Market) *bool { return &m.WeekdayBasis }, node.truth, asIs),
	field("session_time", "true, false", "Count the trend's time in trading sessions.", func(m *prophet.Market) *bool { return &m.SessionTime }, node.truth, asIs),
	field("session_holidays", "true, false", "Add effects for the sessions before and after a closure.", func(m *prophet.Market) *bool { return &m.SessionHolidays }, node.truth, asIs),
	field("residual_ar1", "true, false", "Let the last row's distance from the model persist and fade, instead of independent noise in every row.", func(m *prophet.Market) *bool { return &m.ResidualAR1 }, node.truth, asIs),
}

// readPriorScale refuses 0, which would mean the default.
func readPriorScale(n node) (float64, error) {
	v, err := orNull(node.number)(n)
	if err == nil && v == 0 && n.value != nil {
		return 0, etf.Invalid(n.path, "prior scale 0 is not a positive number", "use a number above 0, or leave it out")
	}
	return v, err
}

func readSeasonal(n node) (prophet.Seasonal, error) {
	const what, remedy = `"auto", true, false or a Fourier order`, `write "auto", true, false, or a Fourier order of 1 or more`
	switch v := n.value.(type) {
	case bool:
		if v {
			return prophet.SeasonalOn, nil
		}
		return prophet.SeasonalOff, nil
	case string:
		if v == "auto" {
			return prophet.SeasonalAuto, nil
		}
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 32); err == nil && i >= 0 {
			return prophet.Seasonal(i), nil
		}
	}
	return 0, n.not(what, remedy)
}

func writeSeasonal(s prophet.Seasonal) any {
	switch s {
	case prophet.SeasonalAuto:
		return "auto"
	case prophet.SeasonalOn:
		return true
	case prophet.SeasonalOff:
		return false
	}
	return int(s)
}

func readSamples(n node) (int, error) {
	if v, ok := n.value.(bool); ok {
		if v {
			return 0, n.not("a number of paths", "write a whole number such as 1000, or false for no intervals")
		}
		return 0, nil
	}
	return n.count()
}

func readStandardize(n node) (string, error) {
	switch v := n.value.(type) {
	case bool:
		return strconv.FormatBool(v), nil
	case string:
		if v == "auto" {
			return v, nil
		}
	}
	return "", n.not(`"auto", true or false`, `write "auto", true or false`)
}

func writeStandardize(s string) any {
	switch s {
	case "true":
		return true
	case "false":
		return false
	case "":
		return "auto"
	}
	return s
}

// readExchange refuses an exchange without a calendar here because New can't tell which of the two keys it came from.
func readExchange(n node) (string, error) {
	name, err := orNull(readText[string])(n)
	if err != nil || name == "" {
		return name, err
	}
	cal, err := calendar.Named(name)
	if err != nil {
		return "", etf.Invalid(n.path, fmt.Sprintf("%s has no calendar", quote(name)), "use "+etf.ExchangeList())
	}
	return cal.Name(), nil
}

func readStamps(n node) ([]prophet.Stamp, error) {
	if n.value == nil {
		return nil, nil
	}
	list, ok := n.value.([]node)
	if !ok {
		return nil, n.not("a list of dates", `write a list such as ["2024-01-31"], or null to have them chosen automatically`)
	}
	out := []prophet.Stamp{}
	for _, item := range list {
		s, err := item.stamp()
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, s) {
			return nil, etf.Invalid(item.path, fmt.Sprintf("%s appears twice", s), "list each date once")
		}
		out = append(out, s)
	}
	return out, nil
}

func writeStamps(ds []prophet.Stamp) any {
	if ds == nil {
		return nil
	}
	out := make([]string, len(ds))
	for i, s := range ds {
		out[i] = s.String()
	}
	return out
}

func readMarket(c *document, n node) error {
	if all, ok := n.value.(bool); ok {
		c.allMarket = all
		return nil
	}
	if _, ok := n.value.([]member); !ok {
		return n.not("true, false or an object", `write true with "exchange" next to it, or an object such as {"exchange": "XNYS", "log_scale": true}`)
	}
	c.inMarket = true
	return decodeObject(marketKeys, n, &c.Market)
}

func writeMarket(c *document) any {
	if c.Market == (prophet.Market{}) {
		return false
	}
	return keyed(func(out []byte) ([]byte, error) { return encodeObject(out, marketKeys, &c.Market) })
}

func asIs[V any](v V) any { return v }

func nullIfEmpty[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return s
}

func nullIfZero(v float64) any {
	if v == 0 {
		return nil
	}
	return v
}
