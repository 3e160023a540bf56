package serialize

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Unmarshal reads a model written by Marshal or by the original's model_to_json, version 0.6.1 to 1.3.0: a JSON
// object, or a JSON string that holds one (what json.dump makes of model_to_json's text).
//
// Errors name the attribute and the remedy. They are of KindInvalid if the file is not such a model or needs what this
// program does not have, and of KindCorrupt if it is damaged or contradicts itself.
func Unmarshal(data []byte) (*prophet.Fitted, error) {
	s, err := UnmarshalState(data)
	if err != nil {
		return nil, err
	}
	f, err := prophet.FromState(s)
	if err != nil {
		return nil, err
	}
	// The coefficients are only valid for the columns they were fitted with.
	made := f.State().ComponentColumns
	for name, columns := range s.ComponentColumns {
		if !slices.Equal(columns, made[name]) {
			return nil, damaged("train_component_cols", fmt.Sprintf("%q is the sum of columns %s where the model's settings make it %s", name, spans(columns), spans(made[name])))
		}
	}
	return f, nil
}

// spans formats ascending numbers as "0-5, 9".
func spans(x []int) string {
	if len(x) == 0 {
		return "none"
	}
	var out string
	for i := 0; i < len(x); {
		j := i
		for j+1 < len(x) && x[j+1] == x[j]+1 {
			j++
		}
		if out != "" {
			out += ", "
		}
		if out += fmt.Sprint(x[i]); j > i {
			out += fmt.Sprintf("-%d", x[j])
		}
		i = j + 1
	}
	return out
}

// UnmarshalState is Unmarshal without making a model of the parts: what is in the file, with each attribute checked on
// its own.
func UnmarshalState(data []byte) (prophet.State, error) {
	members, err := openObject(data)
	if err != nil {
		return prophet.State{}, err
	}
	d := &document{members: members}
	if !d.has("growth") && !d.has("params") && !d.has("train_component_cols") {
		return prophet.State{}, etf.Invalid("model", `it is JSON but not a Prophet model: the keys "growth", "params" and "train_component_cols" are missing`, remedyForeign)
	}
	s := prophet.State{Options: readOptions(d)}
	own := readExtras(d)
	readScales(d, &s)
	readComponents(d, &s)
	readHistory(d, &s, own != nil)
	readParams(d, &s)
	if d.err != nil {
		return prophet.State{}, d.err
	}
	version := "an unknown version"
	for _, key := range []string{"__prophet_version", "__fbprophet_version"} {
		if d.has(key) {
			version = d.text(key)
		}
	}
	s.Options.Seasonalities = addedSeasonalities(&s)
	foreignReport(d, &s, version)
	if own != nil {
		o := &s.Options
		o.Growth, o.Optimizer, o.Seed, o.Market, o.Seasonalities = own.Growth, own.Optimizer, own.Seed, own.Market, own.Seasonalities
		s.Report = own.Report
	}
	return s, d.err
}

// readExtras returns what is stored under this program's key; nil if another program wrote the file.
func readExtras(d *document) *extras {
	if !d.has("etfcast") {
		return nil
	}
	own := &extras{}
	if !d.value("etfcast", "an object written by etfcast", own) {
		return nil
	}
	if own.Format < 1 || own.Format > formatVersion {
		d.fail(etf.Invalid("etfcast.format", fmt.Sprintf("this version does not know layout %d", own.Format), "read it with the version of etfcast that wrote it, or a newer one"))
	}
	return own
}

func readOptions(d *document) prophet.Options {
	o := prophet.Options{
		Growth:                prophet.Growth(d.text("growth")),
		NChangepoints:         max(d.integer("n_changepoints"), 0), // the original leaves -1 where the range has no row
		ChangepointRange:      d.number("changepoint_range"),
		YearlySeasonality:     readSeasonal(d, "yearly_seasonality"),
		WeeklySeasonality:     readSeasonal(d, "weekly_seasonality"),
		DailySeasonality:      readSeasonal(d, "daily_seasonality"),
		SeasonalityMode:       prophet.Mode(d.text("seasonality_mode")),
		SeasonalityPriorScale: d.number("seasonality_prior_scale"),
		ChangepointPriorScale: d.number("changepoint_prior_scale"),
		HolidaysPriorScale:    d.number("holidays_prior_scale"),
		MCMCSamples:           d.count("mcmc_samples"),
		IntervalWidth:         d.number("interval_width"),
		UncertaintySamples:    d.count("uncertainty_samples"),
		CountryHolidays:       d.textOrNull("country_holidays"),
		// Before version 1.1.5 there was only one scaling, and holidays had the seasonalities' mode.
		Scaling:   prophet.AbsMax,
		Optimizer: prophet.Auto,
	}
	o.HolidaysMode = o.SeasonalityMode
	if d.has("scaling") {
		o.Scaling = prophet.Scaling(d.text("scaling"))
	}
	if d.has("holidays_mode") {
		o.HolidaysMode = prophet.Mode(d.text("holidays_mode"))
	}
	readFitArguments(d, &o)
	readHolidays(d, &o)
	return o
}

func readSeasonal(d *document, key string) prophet.Seasonal {
	switch string(d.raw(key)) {
	case `"auto"`:
		return prophet.SeasonalAuto
	case "true":
		return prophet.SeasonalOn
	case "false":
		return prophet.SeasonalOff
	}
	order := d.integer(key)
	if order < 0 {
		d.wrong(key, `"auto", true, false or an order`)
		return 0
	}
	return prophet.Seasonal(order)
}

// readFitArguments reads those arguments of Python's fit() that are options here.
func readFitArguments(d *document, o *prophet.Options) {
	var args map[string]json.RawMessage
	if !d.has("fit_kwargs") || json.Unmarshal(d.members["fit_kwargs"], &args) != nil {
		return
	}
	switch string(args["algorithm"]) {
	case `"Newton"`:
		o.Optimizer = prophet.Newton
	case `"LBFGS"`:
		o.Optimizer = prophet.LBFGS
	}
	var seed uint64
	if json.Unmarshal(args["seed"], &seed) == nil {
		o.Seed = seed
	}
}

func readHolidays(d *document, o *prophet.Options) {
	t := d.table("holidays")
	if t == nil || len(t.rows) == 0 {
		return
	}
	o.Holidays = make([]prophet.Holiday, len(t.rows))
	for i, day := range t.stamps(d, "ds") {
		o.Holidays[i].DS = day
	}
	i := 0
	t.cells(d, "holiday", "t", "a name", func(c cell) { o.Holidays[i].Name = c.text; i++ })
	for i, row := range t.rows {
		h := &o.Holidays[i]
		// Windows that are not numbers count as none, and a missing prior scale is the model's, as in the original.
		h.LowerWindow, h.UpperWindow, h.PriorScale = window(row["lower_window"]), window(row["upper_window"]), o.HolidaysPriorScale
		if c := row["prior_scale"]; c.kind == 'n' {
			h.PriorScale = c.number
		}
	}
}

func window(c cell) int {
	if c.kind != 'n' || math.Abs(c.number) > math.MaxInt32 {
		return 0
	}
	return int(c.number)
}

func readScales(d *document, s *prophet.State) {
	s.SpecifiedChangepoints = d.boolean("specified_changepoints")
	s.YScale = d.number("y_scale")
	if d.has("y_min") || d.has("scaling") {
		s.YMin = d.number("y_min")
	}
	s.LogisticFloor = d.boolean("logistic_floor")
	s.Start, s.TScale = d.stamp("start"), d.stamp("t_scale")
	s.Changepoints = d.stampSeries("changepoints")
	if s.SpecifiedChangepoints {
		s.Options.Changepoints = slices.Clone(s.Changepoints) // in the order they were given; empty, not nil, for none
		slices.Sort(s.Changepoints)
	}
	s.ChangepointsT = d.numbers("changepoints_t")
	if want := max(1, len(s.Changepoints)); d.err == nil && len(s.ChangepointsT) != want {
		d.fail(damaged("changepoints_t", fmt.Sprintf("%d values for %d changepoints (it has 1 even for none)", len(s.ChangepointsT), len(s.Changepoints))))
	}
	s.HistoryDates = d.stampSeries("history_dates")
	slices.Sort(s.HistoryDates)
	s.HistoryDates = slices.Compact(s.HistoryDates)
}

func readComponents(d *document, s *prophet.State) {
	d.ordered("seasonalities", func(name string, p *document) {
		s.Seasonalities = append(s.Seasonalities, prophet.Seasonality{
			Name: name, Period: p.number("period"), FourierOrder: p.integer("fourier_order"), PriorScale: p.number("prior_scale"),
			Mode: prophet.Mode(p.text("mode")), ConditionName: p.textOrNull("condition_name"),
		})
	})
	d.ordered("extra_regressors", func(name string, p *document) {
		r := prophet.FittedRegressor{Mu: p.number("mu"), Std: p.number("std"), Regressor: prophet.Regressor{
			Name: name, PriorScale: p.number("prior_scale"), Mode: prophet.Mode(p.text("mode")), Standardize: "auto",
		}}
		switch string(p.raw("standardize")) {
		case "true", "1", "1.0":
			r.Standardize = "true"
		case "false", "0", "0.0":
			r.Standardize = "false"
		case `"auto"`:
		default:
			p.wrong("standardize", `"auto", true or false`)
		}
		s.Regressors = append(s.Regressors, r)
		s.Options.Regressors = append(s.Options.Regressors, r.Regressor)
	})
	s.TrainHolidayNames = d.series("train_holiday_names")
	d.value("component_modes", "an object with two lists", &s.ComponentModes)

	t := d.table("train_component_cols")
	if t == nil {
		if d.err == nil {
			d.wrong("train_component_cols", "a table")
		}
		return
	}
	s.Columns = len(t.rows)
	if s.Columns == 0 {
		d.fail(damaged("train_component_cols", "it has no rows"))
		return
	}
	s.ComponentColumns = make(map[string][]int, len(t.names))
	named := false
	for _, name := range t.names {
		of := []int(nil)
		for j, v := range t.numbers(d, name) {
			switch v {
			case 0:
			case 1:
				of, named = append(of, j), true
			default:
				d.fail(damaged(fmt.Sprintf("train_component_cols[%d].%s", j, name), fmt.Sprintf("%v is neither 0 nor 1", v)))
			}
		}
		s.ComponentColumns[name] = of
	}
	if !named && s.Columns == 1 {
		// The placeholder column of a model without features belongs to no component in the original's table.
		s.ComponentColumns["zeros"] = []int{0}
	}
	for _, g := range s.Seasonalities {
		if n := len(s.ComponentColumns[g.Name]); d.err == nil && n != 2*g.FourierOrder {
			d.fail(damaged("train_component_cols", fmt.Sprintf("the seasonality %q has %d columns, but the order %d", g.Name, n, g.FourierOrder)))
		}
	}
}

// readHistory reads the rows. Scaled columns are computed from dates and scales: the original's are rounded to 10
// decimals. exact says that the file has all digits.
func readHistory(d *document, s *prophet.State, exact bool) {
	t := d.table("history")
	if t == nil {
		if d.err == nil {
			d.wrong("history", "a table")
		}
		return
	}
	h := &s.History
	h.DS = t.stamps(d, "ds")
	h.Y = t.numbers(d, "y")
	if d.err != nil {
		return
	}
	if len(h.DS) == 0 {
		d.fail(damaged("history", "it has no rows"))
		return
	}
	if !slices.IsSorted(h.DS) {
		d.fail(damaged("history", "its rows are not sorted by ds"))
		return
	}
	// Times are written to the millisecond, start and t_scale to the microsecond.
	const rounding = prophet.Second / 1000
	if first := h.DS[0]; first-s.Start >= rounding || s.Start-first >= rounding {
		d.fail(damaged("start", fmt.Sprintf("%s is not the first date of the history, %s", s.Start, first)))
		return
	}
	if span := h.DS[len(h.DS)-1] - h.DS[0]; s.TScale <= 0 || span-s.TScale > rounding || s.TScale-span > rounding {
		d.fail(damaged("t_scale", fmt.Sprintf("%v seconds are not the length of the history, %v", float64(s.TScale)/float64(prophet.Second), float64(span)/float64(prophet.Second))))
		return
	}
	if s.YScale <= 0 {
		d.fail(damaged("y_scale", fmt.Sprintf("%v is not above 0", s.YScale)))
		return
	}
	logistic := t.has("cap_scaled")
	if logistic || s.Options.Growth == prophet.Logistic {
		h.Cap = t.numbers(d, "cap")
	} else if t.has("cap") {
		h.Cap = t.whole("cap")
	}
	h.Floor = make([]float64, len(h.DS))
	switch {
	case s.LogisticFloor:
		h.Floor = t.numbers(d, "floor")
	case s.Options.Scaling == prophet.MinMax:
		for i := range h.Floor {
			h.Floor[i] = s.YMin
		}
	}
	readColumns(d, t, s)
	if d.err != nil {
		return
	}
	h.T, h.YScaled = make([]float64, len(h.DS)), make([]float64, len(h.DS))
	for i := range h.DS {
		h.T[i] = float64(h.DS[i]-s.Start) / float64(s.TScale)
		h.YScaled[i] = (h.Y[i] - h.Floor[i]) / s.YScale
	}
	if exact { // time may have been counted in sessions
		h.T = t.numbers(d, "t")
	}
	if logistic {
		h.CapScaled = make([]float64, len(h.DS))
		for i := range h.DS {
			h.CapScaled[i] = (h.Cap[i] - h.Floor[i]) / s.YScale
		}
	}
	for i := range h.DS {
		if math.IsInf(h.YScaled[i], 0) || logistic && math.IsInf(h.CapScaled[i], 0) {
			d.fail(damaged("y_scale", fmt.Sprintf("%v is far too small for the history", s.YScale)))
			return
		}
	}
}

// readColumns reads the columns of regressors and conditions, which must be there, and those of the caller's other
// columns that are numbers.
func readColumns(d *document, t *frame, s *prophet.State) {
	columns := map[string][]float64{}
	for _, g := range s.Regressors {
		columns[g.Name] = t.numbers(d, g.Name)
	}
	for _, g := range s.Seasonalities {
		name := g.ConditionName
		if name == "" || columns[name] != nil {
			continue
		}
		columns[name] = t.numbers(d, name)
		for i, v := range columns[name] {
			if v != 0 && v != 1 {
				d.fail(damaged(fmt.Sprintf("history[%d].%s", i, name), fmt.Sprintf("the condition %v is neither 0 nor 1", v)))
			}
		}
	}
	for _, name := range t.names {
		if columns[name] == nil && !historyColumns[name] {
			if x := t.whole(name); x != nil {
				columns[name] = x
			}
		}
	}
	if len(columns) > 0 {
		s.History.Columns = columns
	}
}

func readParams(d *document, s *prophet.State) {
	p := &document{path: "params."}
	if !d.value("params", "an object", &p.members) {
		return
	}
	s.Params = prophet.Params{
		K: p.column("k"), M: p.column("m"), SigmaObs: p.column("sigma_obs"),
		Delta: p.matrix("delta", len(s.ChangepointsT)), Beta: p.matrix("beta", s.Columns),
	}
	draws := len(s.Params.K)
	for name, n := range map[string]int{"m": len(s.Params.M), "sigma_obs": len(s.Params.SigmaObs), "delta": len(s.Params.Delta), "beta": len(s.Params.Beta)} {
		if n != draws {
			p.fail(damaged("params."+name, fmt.Sprintf("it has %d draws, but k has %d", n, draws)))
		}
	}
	if draws == 0 {
		p.fail(damaged("params.k", "there are no draws"))
	}
	d.fail(p.err)
}

// addedSeasonalities are the fitted seasonalities that the caller added. The original's file does not distinguish them
// from the built-in ones: those that end the list in the order yearly, weekly, daily and look built-in count as such.
func addedSeasonalities(s *prophet.State) []prophet.Seasonality {
	o := &s.Options
	n := len(s.Seasonalities)
	for _, b := range []struct {
		name   string
		period float64
		order  int
		asked  prophet.Seasonal
	}{{"daily", 1, 4, o.DailySeasonality}, {"weekly", 7, 3, o.WeeklySeasonality}, {"yearly", 365.25, 10, o.YearlySeasonality}} {
		if b.asked > 0 {
			b.order = int(b.asked)
		}
		like := prophet.Seasonality{Name: b.name, Period: b.period, FourierOrder: b.order, PriorScale: o.SeasonalityPriorScale, Mode: o.SeasonalityMode}
		if n > 0 && b.asked != prophet.SeasonalOff && s.Seasonalities[n-1] == like {
			n--
		}
	}
	if n == 0 {
		return nil
	}
	return slices.Clone(s.Seasonalities[:n])
}

// foreignReport reports what is known of a fit by the original: an optimiser that does not finish raises an exception,
// so it finished; of sampling nothing is kept.
func foreignReport(d *document, s *prophet.State, version string) {
	s.Report = prophet.Report{
		Optimizer: s.Options.Optimizer, Status: "fitted by prophet " + version, Converged: s.Options.MCMCSamples == 0, Rows: len(s.History.DS),
	}
	if s.Options.MCMCSamples > 0 {
		s.Report.Optimizer = "nuts"
		return
	}
	p := &document{members: map[string]json.RawMessage{}}
	if json.Unmarshal(d.members["params"], &p.members) == nil && p.has("lp__") {
		if lp := p.column("lp__"); p.err == nil && len(lp) == 1 {
			s.Report.LogPosterior = lp[0]
		}
	}
}
