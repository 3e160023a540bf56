package serialize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Version is the version of the original whose layout is written.
const Version = "1.5.0"

// formatVersion numbers the layout of the key "etfcast". Layout 1, of etfcast 0.1.0, has neither compat nor fourier: such a
// model was made to forecast with the original's arithmetic, that of version 1.3.0. Its y is not scaled relative to a median, and its innovations
// are normal.
const formatVersion = 2

// earlierFourier is the version of the original whose order of operations State.EarlierFourier stands for.
const earlierFourier = "1.3.0"

// extras is what is stored under the key "etfcast".
type extras struct {
	Format        int                   `json:"format"`
	Compat        bool                  `json:"compat"`
	Fourier       string                `json:"fourier,omitempty"` // earlierFourier, or "" for the current order
	Growth        prophet.Growth        `json:"growth"`
	Optimizer     prophet.Optimizer     `json:"optimizer"`
	Seed          uint64                `json:"seed"`
	Market        prophet.Market        `json:"market"`
	Seasonalities []prophet.Seasonality `json:"seasonalities"`
	Report        prophet.Report        `json:"report"`
}

// Marshal writes a model as one JSON object: the text that model_from_json reads. The same model gives the same
// result. The error is KindInvalid for no model.
func Marshal(f *prophet.Fitted) ([]byte, error) {
	if f == nil {
		return nil, etf.Invalid("model", "there is no fitted model", "fit it first")
	}
	return MarshalState(f.State())
}

// MarshalState is Marshal for the parts of a model, all of them set as by (*prophet.Fitted).State.
func MarshalState(s prophet.State) ([]byte, error) {
	o := &s.Options
	if len(s.History.DS) == 0 || len(s.Params.K) == 0 {
		return nil, etf.Invalid("model", "it has no history or no parameters", "fit it first")
	}
	for _, name := range historyNames(&s.History) {
		if n := len(historyColumn(&s.History, name)); n != len(s.History.DS) {
			return nil, etf.Invalid("history."+name, fmt.Sprintf("%d values for %d rows", n, len(s.History.DS)), "take the state of a fitted model")
		}
	}
	w := newObject()
	w.text("growth", foreignGrowth(&s))
	w.integer("n_changepoints", o.NChangepoints)
	w.boolean("specified_changepoints", s.SpecifiedChangepoints)
	w.number("changepoint_range", o.ChangepointRange)
	w.seasonal("yearly_seasonality", o.YearlySeasonality)
	w.seasonal("weekly_seasonality", o.WeeklySeasonality)
	w.seasonal("daily_seasonality", o.DailySeasonality)
	w.text("seasonality_mode", string(o.SeasonalityMode))
	w.number("seasonality_prior_scale", o.SeasonalityPriorScale)
	w.number("changepoint_prior_scale", o.ChangepointPriorScale)
	w.number("holidays_prior_scale", o.HolidaysPriorScale)
	w.integer("mcmc_samples", o.MCMCSamples)
	w.number("interval_width", o.IntervalWidth)
	w.integer("uncertainty_samples", o.UncertaintySamples)
	w.number("y_scale", s.YScale)
	w.number("y_min", s.YMin)
	w.text("scaling", string(o.Scaling))
	w.boolean("logistic_floor", s.LogisticFloor)
	w.textOrNull("country_holidays", o.CountryHolidays)
	w.raw("component_modes", modes(s.ComponentModes))
	w.text("holidays_mode", string(o.HolidaysMode))
	changepoints := s.Changepoints
	if s.SpecifiedChangepoints && len(o.Changepoints) == len(s.Changepoints) {
		changepoints = o.Changepoints // in the order they were given, as the original keeps them
	}
	w.text("changepoints", stampSeries(changepoints, s.SpecifiedChangepoints, s.History.DS))
	w.text("history_dates", stampSeries(s.HistoryDates, true, nil))
	if s.TrainHolidayNames == nil {
		w.raw("train_holiday_names", "null")
	} else {
		w.text("train_holiday_names", nameSeries(s.TrainHolidayNames))
	}
	w.raw("start", seconds(s.Start))
	w.raw("t_scale", seconds(s.TScale))
	if len(o.Holidays) == 0 {
		w.raw("holidays", "null")
	} else {
		w.text("holidays", holidayTable(o.Holidays))
	}
	w.text("history", historyTable(&s))
	w.text("train_component_cols", componentTable(s.ComponentColumns, s.Columns))
	w.raw("changepoints_t", list(s.ChangepointsT))
	w.raw("seasonalities", seasonalities(s.Seasonalities))
	w.raw("extra_regressors", regressors(s.Regressors))
	w.raw("fit_kwargs", fitArguments(o.Optimizer))
	w.raw("params", params(&s))
	w.text("__prophet_version", Version)
	own := extras{
		Format: formatVersion, Compat: o.Compat, Growth: o.Growth, Optimizer: o.Optimizer, Seed: o.Seed, Market: o.Market,
		Seasonalities: o.Seasonalities, Report: finiteReport(s.Report),
	}
	if s.EarlierFourier {
		own.Fourier = earlierFourier
	}
	ownText, err := json.Marshal(own)
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "the options of a model as JSON")
	}
	w.raw("etfcast", string(ownText))
	out := w.close()
	if !json.Valid(out) {
		return nil, etf.Invalid("model", "one of its numbers is not finite", "take the state of a fitted model")
	}
	return out, nil
}

// historyNames are the columns of a written history, besides ds and the caller's.
func historyNames(h *prophet.History) []string {
	all := []string{"y", "t", "y_scaled"}
	for _, name := range []string{"cap", "floor", "cap_scaled"} {
		if historyColumn(h, name) != nil {
			all = append(all, name)
		}
	}
	for name := range h.Columns {
		if !historyColumns[name] {
			all = append(all, name)
		}
	}
	sort.Strings(all)
	return all
}

func historyColumn(h *prophet.History, name string) []float64 {
	switch name {
	case "y":
		return h.Y
	case "cap":
		return h.Cap
	case "floor":
		return h.Floor
	case "cap_scaled":
		return h.CapScaled
	case "t":
		return h.T
	case "y_scaled":
		return h.YScaled
	}
	return h.Columns[name]
}

// foreignGrowth is the growth written for Python: its name or, if Python's forecast would be another one, text that Python
// does not accept as a growth.
func foreignGrowth(s *prophet.State) string {
	o := &s.Options
	var beyond []string
	for _, b := range []struct {
		on   bool
		name string
	}{{o.Market.LogScale, "log_scale"}, {o.Market.SessionTime, "session_time"}, {o.Market.SessionHolidays, "session_holidays"}, {o.Market.ResidualAR1, "residual_ar1"}} {
		if b.on {
			beyond = append(beyond, b.name)
		}
	}
	var reasons []string
	if beyond != nil {
		reasons = append(reasons, "the market options "+strings.Join(beyond, ", "))
	}
	if !o.Compat && s.FloorMatters() {
		reasons = append(reasons, "multiplicative terms above the floor")
	}
	if reasons == nil {
		return string(o.Growth)
	}
	return string(o.Growth) + " with " + strings.Join(reasons, " and ") + ": predict with etfcast"
}

// finiteReport is a report that JSON can hold: figures that are not a number were not measured.
func finiteReport(r prophet.Report) prophet.Report {
	for _, v := range []*float64{&r.LogPosterior, &r.Gradient, &r.MaxRHat, &r.MinESS, &r.Phi, &r.DF, &r.Innovation, &r.Slope} {
		if !finite(*v) {
			*v = 0
		}
	}
	return r
}

func finite(v float64) bool { return !notFinite(v) }

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// fitArguments are the keyword arguments with which Python's cross-validation refits.
func fitArguments(o prophet.Optimizer) string {
	w := newObject()
	switch o {
	case prophet.LBFGS:
		w.text("algorithm", "LBFGS")
	case prophet.Newton:
		w.text("algorithm", "Newton")
	}
	return string(w.close())
}

func modes(m prophet.ComponentModes) string {
	w := newObject()
	w.raw("additive", names(m.Additive))
	w.raw("multiplicative", names(m.Multiplicative))
	return string(w.close())
}

// params writes a maximum as matrices of one row, and draws of a posterior as the original does: scalars as a flat
// list.
func params(s *prophet.State) string {
	p := &s.Params
	scalar := func(x []float64) string {
		if s.Options.MCMCSamples == 0 && len(x) == 1 {
			return "[" + list(x) + "]"
		}
		return list(x)
	}
	matrix := func(x [][]float64) string {
		rows := make([]string, len(x))
		for i, row := range x {
			rows[i] = list(row)
		}
		return "[" + strings.Join(rows, ", ") + "]"
	}
	w := newObject()
	if s.Options.MCMCSamples == 0 && finite(s.Report.LogPosterior) {
		w.raw("lp__", scalar([]float64{s.Report.LogPosterior}))
	}
	w.raw("k", scalar(p.K))
	w.raw("m", scalar(p.M))
	w.raw("delta", matrix(p.Delta))
	w.raw("sigma_obs", scalar(p.SigmaObs))
	w.raw("beta", matrix(p.Beta))
	return string(w.close())
}

func seasonalities(all []prophet.Seasonality) string {
	keys, props := make([]string, len(all)), newObject()
	for i, g := range all {
		keys[i] = g.Name
		w := newObject()
		w.number("period", g.Period)
		w.integer("fourier_order", g.FourierOrder)
		w.number("prior_scale", g.PriorScale)
		w.text("mode", string(g.Mode))
		w.textOrNull("condition_name", g.ConditionName)
		props.raw(g.Name, string(w.close()))
	}
	return "[" + names(keys) + ", " + string(props.close()) + "]"
}

func regressors(all []prophet.FittedRegressor) string {
	keys, props := make([]string, len(all)), newObject()
	for i, g := range all {
		keys[i] = g.Name
		w := newObject()
		w.number("prior_scale", g.PriorScale)
		switch g.Standardize {
		case "true", "false":
			w.boolean("standardize", g.Standardize == "true")
		default:
			w.text("standardize", "auto")
		}
		w.number("mu", g.Mu)
		w.number("std", g.Std)
		w.text("mode", string(g.Mode))
		w.raw("predictor_spec", "null")
		w.raw("predictor", "null")
		props.raw(g.Name, string(w.close()))
	}
	return "[" + names(keys) + ", " + string(props.close()) + "]"
}

// seconds writes a stamp as seconds with as many decimals as it has.
func seconds(s prophet.Stamp) string {
	text, fraction := strconv.FormatInt(int64(s/prophet.Second), 10), s%prophet.Second
	if fraction == 0 {
		return text + ".0"
	}
	if fraction < 0 {
		fraction = -fraction
		if s > -prophet.Second {
			text = "-0"
		}
	}
	digits := strconv.FormatInt(int64(prophet.Second+fraction), 10)[1:]
	return text + "." + strings.TrimRight(digits, "0")
}

// historyTable has the columns in the original's order. Conditions are booleans: Python negates them.
func historyTable(s *prophet.State) string {
	h := &s.History
	conditions := map[string]bool{}
	used := map[string]bool{}
	for _, g := range s.Seasonalities {
		if g.ConditionName != "" {
			conditions[g.ConditionName], used[g.ConditionName] = true, true
		}
	}
	for _, g := range s.Regressors {
		used[g.Name] = true
	}
	t := newTable()
	t.stamps("ds", h.DS)
	t.numbers("y", h.Y)
	extra := make([]string, 0, len(h.Columns))
	for name, x := range h.Columns {
		// A column of the caller's that the model does not use is kept if all its values are finite.
		if !historyColumns[name] && (used[name] || !slices.ContainsFunc(x, notFinite)) {
			extra = append(extra, name)
		}
	}
	sort.Strings(extra)
	for _, name := range extra {
		if conditions[name] {
			t.booleans(name, h.Columns[name])
		} else {
			t.numbers(name, h.Columns[name])
		}
	}
	if h.Cap != nil && (s.Options.Growth == prophet.Logistic || !slices.ContainsFunc(h.Cap, notFinite)) {
		t.numbers("cap", h.Cap)
	}
	floor := h.Floor
	if floor == nil {
		floor = make([]float64, len(h.DS))
	}
	t.numbers("floor", floor)
	if h.CapScaled != nil {
		t.numbers("cap_scaled", h.CapScaled)
	}
	t.numbers("t", h.T)
	t.numbers("y_scaled", h.YScaled)
	return t.close(len(h.DS))
}

// historyColumns are the columns of a history that are not the caller's own.
var historyColumns = map[string]bool{"ds": true, "y": true, "cap": true, "floor": true, "cap_scaled": true, "t": true, "y_scaled": true}

func holidayTable(all []prophet.Holiday) string {
	var days []prophet.Stamp
	var label []string
	var lower, upper []int
	var scale []float64
	for _, h := range all {
		days, label, scale = append(days, h.DS), append(label, h.Name), append(scale, h.PriorScale)
		lower, upper = append(lower, h.LowerWindow), append(upper, h.UpperWindow)
	}
	t := newTable()
	t.stamps("ds", days)
	t.texts("holiday", label)
	t.integers("lower_window", lower)
	t.integers("upper_window", upper)
	t.numbers("prior_scale", scale)
	return t.close(len(all))
}

// componentTable is a matrix of 0 and 1: columns of features by components. It always has the totals, and never the
// placeholder column of zeros of a model without features.
func componentTable(components map[string][]int, columns int) string {
	all := make([]string, 0, len(components))
	for name, of := range components {
		if name != "zeros" && (len(of) > 0 || name != "additive_terms" && name != "multiplicative_terms") {
			all = append(all, name)
		}
	}
	sort.Strings(all)
	for _, total := range []string{"additive_terms", "multiplicative_terms"} {
		if !slices.Contains(all, total) {
			all = append(all, total)
		}
	}
	t := newTable()
	for _, name := range all {
		x := make([]int, columns)
		for _, j := range components[name] {
			if j >= 0 && j < columns {
				x[j] = 1
			}
		}
		t.integers(name, x)
	}
	return t.close(columns)
}

// stampSeries is a series of dates. Its index is 0, 1, ... or, for changepoints chosen by the fit, their rows in the
// history.
func stampSeries(all []prophet.Stamp, counted bool, history []prophet.Stamp) string {
	index, data := make([]string, len(all)), make([]string, len(all))
	layout := layoutFor(all)
	row := 0
	for i, s := range all {
		at := i
		if !counted {
			for row < len(history)-1 && history[row] < s {
				row++
			}
			at = row
		}
		index[i], data[i] = strconv.Itoa(at), quote(s.Time().Format(layout))
	}
	return `{"name":"ds","index":[` + strings.Join(index, ",") + `],"data":[` + strings.Join(data, ",") + `]}`
}

func nameSeries(all []string) string {
	index, data := make([]string, len(all)), make([]string, len(all))
	for i, s := range all {
		index[i], data[i] = strconv.Itoa(i), quote(s)
	}
	return `{"name":null,"index":[` + strings.Join(index, ",") + `],"data":[` + strings.Join(data, ",") + `]}`
}

// layoutFor is the format of the dates of one column: pandas expects the same format in all of them. The original
// writes milliseconds; microseconds are written if there are any.
func layoutFor(all []prophet.Stamp) string {
	for _, s := range all {
		if s%1000 != 0 {
			return "2006-01-02T15:04:05.000000"
		}
	}
	return "2006-01-02T15:04:05.000"
}

// formatNumber writes the shortest decimal that reads back as v, with a point or an exponent, so that Python reads a
// float. Values far from 1 get an exponent: without one pandas drops digits beyond the 15th decimal.
func formatNumber(v float64) string {
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 0.1 || a >= 1e15) {
		format = 'e'
	}
	text := strconv.FormatFloat(v, format, -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

func list(x []float64) string {
	out := make([]string, len(x))
	for i, v := range x {
		out[i] = formatNumber(v)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func names(x []string) string {
	out := make([]string, len(x))
	for i, v := range x {
		out[i] = quote(v)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func quote(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain { // most are: dates and names
		return `"` + s + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string into memory can't fail
	return strings.TrimSuffix(b.String(), "\n")
}

// object writes the members of a JSON object in the order they are given.
type object struct{ b bytes.Buffer }

func newObject() *object { return &object{} }

func (w *object) raw(key, value string) {
	if w.b.Len() == 0 {
		w.b.WriteByte('{')
	} else {
		w.b.WriteString(", ")
	}
	w.b.WriteString(quote(key))
	w.b.WriteString(": ")
	w.b.WriteString(value)
}

func (w *object) text(key, value string)           { w.raw(key, quote(value)) }
func (w *object) number(key string, value float64) { w.raw(key, formatNumber(value)) }
func (w *object) integer(key string, value int)    { w.raw(key, strconv.Itoa(value)) }
func (w *object) boolean(key string, value bool)   { w.raw(key, strconv.FormatBool(value)) }
func (w *object) seasonal(key string, v prophet.Seasonal) {
	switch v {
	case prophet.SeasonalAuto:
		w.text(key, "auto")
	case prophet.SeasonalOn, prophet.SeasonalOff:
		w.boolean(key, v == prophet.SeasonalOn)
	default:
		w.integer(key, int(v))
	}
}

func (w *object) textOrNull(key, value string) {
	if value == "" {
		w.raw(key, "null")
		return
	}
	w.text(key, value)
}

func (w *object) close() []byte {
	if w.b.Len() == 0 {
		return []byte("{}")
	}
	w.b.WriteByte('}')
	return w.b.Bytes()
}

// table writes a frame as pandas' to_json(orient="table", index=False) does.
type table struct {
	fields []string
	keys   []string
	cell   []func(row int) string
}

func newTable() *table { return &table{} }

func (t *table) add(name, kind string, cell func(int) string) {
	t.fields = append(t.fields, `{"name":`+quote(name)+`,"type":"`+kind+`"}`)
	t.keys = append(t.keys, quote(name))
	t.cell = append(t.cell, cell)
}

func (t *table) stamps(name string, x []prophet.Stamp) {
	layout := layoutFor(x)
	t.add(name, "datetime", func(i int) string { return quote(x[i].Time().Format(layout)) })
}

func (t *table) numbers(name string, x []float64) {
	t.add(name, "number", func(i int) string {
		if !finite(x[i]) {
			return "null"
		}
		return formatNumber(x[i])
	})
}

func (t *table) integers(name string, x []int) {
	t.add(name, "integer", func(i int) string { return strconv.Itoa(x[i]) })
}

func (t *table) booleans(name string, x []float64) {
	t.add(name, "boolean", func(i int) string { return strconv.FormatBool(x[i] != 0) })
}

func (t *table) texts(name string, x []string) {
	t.add(name, "string", func(i int) string { return quote(x[i]) })
}

func (t *table) close(rows int) string {
	var b strings.Builder
	b.WriteString(`{"schema":{"fields":[` + strings.Join(t.fields, ",") + `],"pandas_version":"1.4.0"},"data":[`)
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, key := range t.keys {
			if j == 0 {
				b.WriteByte('{')
			} else {
				b.WriteByte(',')
			}
			b.WriteString(key)
			b.WriteByte(':')
			b.WriteString(t.cell[j](i))
		}
		b.WriteByte('}')
	}
	b.WriteString(`]}`)
	return b.String()
}
