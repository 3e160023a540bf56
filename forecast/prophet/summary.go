package prophet

import (
	"fmt"
	"math"
	"slices"
)

// Summary says what a model consists of, including what was chosen automatically.
type Summary struct {
	Growth        Growth               `json:"growth"`
	Scaling       Scaling              `json:"scaling"`
	YScale        float64              `json:"y_scale"` // y is divided by it
	Changepoints  ChangepointSummary   `json:"changepoints"`
	Seasonalities []SeasonalitySummary `json:"seasonalities"` // yearly, weekly and daily even if they are off
	Holidays      []HolidaySummary     `json:"holidays"`
	Regressors    []RegressorSummary   `json:"regressors"`
	// Warnings are doubts about the fit, each with a remedy.
	Warnings []string `json:"warnings"`
}

// ChangepointSummary says where the trend may change.
type ChangepointSummary struct {
	Number int `json:"number"`
	// Range is the fraction of the history in which they were chosen; 0 if they were given.
	Range      float64 `json:"range,omitempty"`
	First      string  `json:"first,omitempty"`
	Last       string  `json:"last,omitempty"`
	PriorScale float64 `json:"prior_scale"`
	Given      bool    `json:"given"`
	Changes    int     `json:"changes"` // how many of them the rate changes at, by a hundredth of scaled y or more
}

// SeasonalitySummary describes a seasonality.
type SeasonalitySummary struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
	// Why is how it came to be on or off: "added", "on by option", "off by option", or what the automatic choice was made by.
	Why string `json:"why"`
	// The others are set only if it is on.
	Period        float64 `json:"period,omitempty"` // days
	FourierOrder  int     `json:"fourier_order,omitempty"`
	PriorScale    float64 `json:"prior_scale,omitempty"`
	Mode          Mode    `json:"mode,omitempty"`
	ConditionName string  `json:"condition_name,omitempty"`
}

// HolidaySummary describes one holiday of the fit.
type HolidaySummary struct {
	Name       string  `json:"holiday"`
	Days       int     `json:"days"` // of its window, each with its own effect
	PriorScale float64 `json:"prior_scale"`
	Mode       Mode    `json:"mode"`
}

// RegressorSummary describes a regressor.
type RegressorSummary struct {
	Name         string  `json:"name"`
	Standardised bool    `json:"standardised"`
	Mu           float64 `json:"mu"`
	Std          float64 `json:"std"`
	PriorScale   float64 `json:"prior_scale"`
	Mode         Mode    `json:"mode"`
}

// visibleChange is the rate change from which the original draws a changepoint.
const visibleChange = 0.01

// Summary describes the fitted model.
func (f *Fitted) Summary() Summary {
	o := &f.s.Options
	out := Summary{Growth: o.Growth, Scaling: o.Scaling, YScale: f.s.YScale,
		Seasonalities: f.seasonalitySummaries(), Holidays: []HolidaySummary{}, Regressors: []RegressorSummary{}, Warnings: f.warnings()}
	c := ChangepointSummary{Number: len(f.s.Changepoints), PriorScale: o.ChangepointPriorScale, Given: f.s.SpecifiedChangepoints}
	if c.Number > 0 {
		c.First, c.Last = f.s.Changepoints[0].String(), f.s.Changepoints[c.Number-1].String()
		for _, d := range columnMeans(f.s.Params.Delta) {
			if math.Abs(d) >= visibleChange {
				c.Changes++
			}
		}
	}
	if !c.Given {
		c.Range = o.ChangepointRange
	}
	out.Changepoints = c
	at := map[string]int{}
	for _, h := range f.layout.holidays {
		i, ok := at[h.holiday]
		if !ok {
			i = len(out.Holidays)
			at[h.holiday] = i
			out.Holidays = append(out.Holidays, HolidaySummary{Name: h.holiday, Mode: o.HolidaysMode})
		}
		out.Holidays[i].Days++
	}
	for _, c := range f.layout.columns {
		if i, ok := at[c.component]; ok {
			out.Holidays[i].PriorScale = c.prior
		}
	}
	for _, g := range f.s.Regressors {
		out.Regressors = append(out.Regressors, RegressorSummary{Name: g.Name, Standardised: g.Mu != 0 || g.Std != 1, Mu: g.Mu, Std: g.Std, PriorScale: g.PriorScale, Mode: g.Mode})
	}
	return out
}

// seasonalitySummaries describes the seasonalities of the fit and, of the built-in ones, also those that are off.
func (f *Fitted) seasonalitySummaries() []SeasonalitySummary {
	o := &f.s.Options
	span, gap := spanAndGap(f.s.History.DS)
	var out []SeasonalitySummary
	for _, s := range f.s.Seasonalities {
		why := "added"
		if i := slices.IndexFunc(builtIn, func(b builtInSeason) bool { return b.name == s.Name }); i >= 0 {
			added := slices.ContainsFunc(o.Seasonalities, func(a Seasonality) bool { return a.Name == s.Name })
			switch asked := builtIn[i].asked(o); {
			case asked == SeasonalAuto && !added:
				why = "automatic: " + builtIn[i].why(span, gap)
			case asked != SeasonalAuto && asked != SeasonalOff:
				why = "on by option"
			}
		}
		out = append(out, SeasonalitySummary{Name: s.Name, On: true, Why: why, Period: s.Period, FourierOrder: s.FourierOrder, PriorScale: s.PriorScale, Mode: s.Mode, ConditionName: s.ConditionName})
	}
	for _, b := range builtIn {
		if slices.ContainsFunc(f.s.Seasonalities, func(s Seasonality) bool { return s.Name == b.name }) {
			continue
		}
		why := "off by option"
		if b.asked(o) == SeasonalAuto {
			why = "automatic: " + b.why(span, gap)
		}
		out = append(out, SeasonalitySummary{Name: b.name, Why: why})
	}
	return out
}

// inDays writes a length of time in days, or shorter ones in hours.
func inDays(s Stamp) string {
	days := float64(s) / float64(Day)
	if days != 0 && days < 1 {
		if s == Day/24 {
			return "1 hour"
		}
		return fmt.Sprintf("%.3g hours", 24*days)
	}
	if days == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%.6g days", days)
}

// warnings lists the doubts about the fit.
func (f *Fitted) warnings() []string {
	out := []string{}
	span, _ := spanAndGap(f.s.History.DS)
	for _, s := range f.s.Seasonalities {
		// Whole days, as the automatic choice counts them: two years are 730 days.
		twice := 2 * s.Period
		if s.Period >= 1 {
			twice = 2 * math.Floor(s.Period)
		}
		if days := float64(span) / float64(Day); days < twice {
			out = append(out, fmt.Sprintf("seasonality %s has a period of %.6g days, but the history is only %s long: less than two periods can't be told from the trend; give a longer history, or leave the seasonality out",
				s.Name, s.Period, inDays(span)))
		}
	}
	if of := variation(f.s.History.Y); of > 0 && of <= smallVariation && f.s.Options.Scaling == AbsMax && !f.s.LogisticFloor {
		cause, remedy := f.offset(of)
		out = append(out, fmt.Sprintf("%s, so that the priors hardly matter and digits are lost; %s", cause, remedy))
	}
	return out
}
