package prophet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/etfcast/etfcast/bench/prophet/golden"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/internal/testenv"
)

// The golden files are results of the original, version 1.5.0 with CmdStan 2.37.0 (each file names its versions), written
// by bench/prophet/golden.py. The cases are in bench/prophet/cases.json.
const goldenFolder = "testdata/golden"

// Tolerances of the comparison with the original.
const (
	deterministic = 1e-9        // for whatever follows from data and parameters, relative to its scale
	lastBits      = 4 * 0x1p-53 // for sines and cosines, whose last bits depend on the library
	yhatTolerance = 0.005       // for yhat of two fits, as a fraction of the range of y
	chaoticLimit  = 0.1         // the same for a case listed in chaotic
	widthRatio    = 0.05        // for the mean width of the interval with 1,000 samples
	lpSlack       = 1e-6        // how far the maximum may be below the original's log posterior, from 8 digits of its parameters
	lpShort       = 2           // how far a fit with the original's optimizer may end below the original, or ..
	lpShortPart   = 0.0005      // .. this fraction of the log posterior
	fusedWidth    = 0.15        // like widthRatio, for a build that fuses and a case in which the original varies widely
	nearMaximum   = 1.0         // if the original's log posterior is this close to the maximum, map is held to its yhat too
)

// For 100 rows and more the original's optimizer is L-BFGS, which stops before the maximum, on a path that depends on
// rounding: with other last bits of y the original ends up to File.Spread away from its own fit. The lists chaotic and
// short hold for builds that round every product, as those for amd64 do up to GOAMD64=v2. Others (arm64, GOAMD64=v3) round
// a product and a sum only once, which amounts to another such change: see fusedLimits.

// chaotic are the cases in which our fit with the original's optimizer is further from the original's than yhatTolerance.
// It is held to 1.5 times the original's distance from itself (the largest in 8 to 24 fits: another fit may be a little
// further) and to chaoticLimit. The figures are in docs/prophet-parity.md.
var chaotic = []string{
	"069500-minmax", "069500-multiplicative", "daily-kr", "data-minmax", "regressors-multiplicative", "short-lbfgs", "trading",
	"trading-minmax", "trading-multiplicative-loose", "trading-yearly",
}

// wide are chaotic cases in which a ratio of interval widths is further from 1 than widthRatio, and how far.
var wide = map[string]float64{"trading": 0.1068, "trading-yearly": 0.0552}

// short are the cases in which our fit with the original's optimizer ends further below the original's log posterior than
// lpShort and lpShortPart allow, and by how much. The original's own fits with other last bits end up to 5 to 37 below it.
var short = map[string]float64{"QQQ-multiplicative": 16.580, "trading": 14.955, "trading-multiplicative-loose": 4.901, "trading-yearly": 4.605}

// flat are the cases in which the maximum's yhat is further from the original's than yhatTolerance although their log
// posteriors are within nearMaximum: the posterior is flat along the difference. yhat is how far, as a fraction of the
// range of y; width is how far a ratio of interval widths is from 1, if that is more than widthRatio.
var flat = map[string]struct{ yhat, width float64 }{
	"air":                   {yhat: 0.00563},
	"air-multiplicative":    {yhat: 0.00838},
	"regressors":            {yhat: 0.00839},
	"regressors-conditions": {yhat: 0.01046},
	"short-lbfgs":           {yhat: 0.01051, width: 0.083},
	"short-minmax":          {yhat: 0.00700},
}

// beyondFigure is the factor by which a listed departure may exceed its figure.
const beyondFigure = 1.1

// notSharp is how far the maximum may be below what the original's optimizer finds. In large, y varies by millionths of
// its size and sigma is 1e-7, known to 16 rounding errors, or 3e-8 relative. The search ends when steps change sigma by
// less; each is worth up to 2e-6 of log posterior, and Newton's method gets 6.3e-6 further (6.9e-6 with fused products).
var notSharp = map[string]float64{"large": 1e-5}

// fusedLimits are the limits of matchingLimits for a build that fuses: 1.5 times the original's distance from itself in
// every case in which that exceeds the tolerance. Against Prophet 1.3.0 these figures of a build with GOAMD64=v3 exceeded
// the limits of other builds: of yhat, 069500-minmax 0.76 %, QQQ-logistic 0.67 %, air-multiplicative 0.70 %, data-minmax 1.23 %, peyton-minmax 0.70 %,
// trading 9.24 % and trading-yearly 0.50 %; of the log posterior, data-minmax -3.4 and trading -21.9; of widths, trading
// 1.145. On trading the original's own fits are up to 9.5 % apart and 21.5 below it.
func fusedLimits(c golden.Comparison) (yhat, below, width float64) {
	yhat, below, width = yhatTolerance, max(shortest(c), -1.5*c.SpreadLow), widthRatio
	if c.Spread > yhatTolerance {
		yhat, width = 1.5*c.Spread, fusedWidth
	}
	return yhat, below, width
}

// matchingLimits returns how far a fit with the original's optimizer may be from the original's: in yhat, in log posterior
// below it, and in ratios of interval widths from 1.
func matchingLimits(c golden.Comparison) (yhat, below, width float64) {
	if fuses() {
		return fusedLimits(c)
	}
	yhat, below, width = yhatTolerance, shortest(c), widthRatio
	if slices.Contains(chaotic, c.Name) {
		yhat = min(1.5*c.Spread, chaoticLimit)
	}
	if figure, ok := wide[c.Name]; ok {
		width = beyondFigure * figure
	}
	if figure, ok := short[c.Name]; ok {
		below = beyondFigure * figure
	}
	return yhat, below, width
}

// shortest is how far below the original's log posterior a fit with its optimizer may end in cases not listed in short.
func shortest(c golden.Comparison) float64 { return max(lpShort, lpShortPart*math.Abs(c.Original)) }

// fuses reports whether this build computes x*x+y with a single rounding. The square is 1 + 2^-29 + 2^-60, whose last term
// is lost if the product is rounded.
func fuses() bool { return squarePlus(1+0x1p-30, -1-0x1p-29) != 0 }

//go:noinline
func squarePlus(x, y float64) float64 { return x*x + y }

// A goldenCase is a case with what its tests share: the series is read once and fitted once.
type goldenCase struct {
	file    *golden.File
	history func() (*prophet.Frame, error)
	fits    func() (golden.Fits, error)
}

var goldenCases = sync.OnceValues(func() ([]goldenCase, error) {
	files, err := golden.Load(goldenFolder)
	var out []goldenCase
	for _, f := range files {
		folder := "testdata"
		if f.Real {
			folder = os.Getenv("ETFCAST_REAL_DATA")
		}
		c := goldenCase{file: f, history: sync.OnceValues(func() (*prophet.Frame, error) { return f.History(folder) })}
		c.fits = sync.OnceValues(func() (golden.Fits, error) {
			history, err := c.history()
			if err != nil {
				return golden.Fits{}, err
			}
			return f.FitCase(context.Background(), history)
		})
		out = append(out, c)
	}
	return out, err
})

// forEachCase runs a test on every case; without ETFCAST_REAL_DATA those with a real series are skipped individually.
func forEachCase(t *testing.T, test func(*testing.T, *golden.File, *prophet.Frame, golden.Fits)) {
	cases, err := goldenCases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.file.Name, func(t *testing.T) {
			if c.file.Real {
				testenv.RealData.Value(t)
			}
			t.Parallel()
			history, err := c.history()
			if err != nil {
				t.Fatal(err)
			}
			fits, err := c.fits()
			if err != nil {
				t.Fatal(err)
			}
			test(t, c.file, history, fits)
		})
	}
}

// alike compares numbers with the deterministic tolerance, relative to the largest of want.
func alike(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, the original has %d", what, len(got), len(want))
		return
	}
	scale := 1e-300
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	alikeWithin(t, what, got, want, deterministic*scale)
}

func alikeWithin(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tolerance) {
			t.Errorf("%s[%d]: got %v, the original's is %v", what, i, got[i], w)
			return
		}
	}
}

// Everything before the fit matches: scales, scaled data, changepoints, start, features, priors, modes, log posterior.
func TestPreparedLikeTheOriginal(t *testing.T) {
	t.Parallel()
	forEachCase(t, func(t *testing.T, f *golden.File, history *prophet.Frame, fits golden.Fits) {
		fitted := fits.MAP
		o, err := f.Options()
		if err != nil {
			t.Fatal(err)
		}
		m, err := prophet.New(o)
		if err != nil {
			t.Fatal(err)
		}
		s, want := fitted.State(), f.Prepared
		if s.History.Len() != want.Rows {
			t.Fatalf("%d rows, the original has %d", s.History.Len(), want.Rows)
		}
		if s.Start.String() != want.Start || s.Options.NChangepoints != want.NChangepoints {
			t.Errorf("start %s with %d changepoints, the original's is %s with %d", s.Start, s.Options.NChangepoints, want.Start, want.NChangepoints)
		}
		alike(t, "y_scale", []float64{s.YScale}, []float64{want.YScale})
		alikeWithin(t, "y_min", []float64{s.YMin}, []float64{want.YMin}, deterministic*want.YScale)
		alike(t, "t_scale", []float64{float64(s.TScale) / float64(prophet.Second)}, []float64{want.TScaleSeconds})
		n := want.Rows
		alike(t, "first t", s.History.T[:5], want.TFirst)
		alike(t, "last t", s.History.T[n-5:], want.TLast)
		alike(t, "sum of t", []float64{sum(s.History.T)}, []float64{want.TSum})
		if !f.Real {
			alike(t, "first scaled y", s.History.YScaled[:5], want.YScaledFirst)
			alike(t, "last scaled y", s.History.YScaled[n-5:], want.YScaledLast)
		}
		alike(t, "sum of scaled y", []float64{sum(s.History.YScaled)}, []float64{want.YScaledSum})
		alike(t, "sum of squares of scaled y", []float64{sumOfSquares(s.History.YScaled)}, []float64{want.YScaledSumSquares})
		alike(t, "changepoints_t", s.ChangepointsT, want.ChangepointsT)
		k, offset, err := m.StartOf(history)
		if err != nil {
			t.Fatal(err)
		}
		alikeWithin(t, "initial k and m", []float64{k, offset}, []float64{want.InitialK, want.InitialM}, deterministic)

		if got := fitted.ColumnLabels(); !slices.Equal(got, want.Columns) {
			t.Fatalf("columns %q, the original's are %q", got, want.Columns)
		}
		alike(t, "prior scales", fitted.ColumnPriors(), want.PriorScales)
		modes := fitted.ColumnModes()
		for j, mode := range modes {
			if string(mode) != want.Modes[j] {
				t.Errorf("column %s is %q, the original's is %q", want.Columns[j], mode, want.Modes[j])
			}
		}
		x, err := fitted.FeaturesOf(nil)
		if err != nil {
			t.Fatal(err)
		}
		seasonal := 0
		for _, season := range s.Seasonalities {
			seasonal += 2 * season.FourierOrder
		}
		for row, values := range want.FeatureRows {
			i, err := strconv.Atoi(row)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, len(x))
			for j := range x {
				got[j] = x[j][i]
			}
			alike(t, "features of row "+row, got, values)
			alikeWithin(t, "sines and cosines of row "+row, got[:seasonal], values[:seasonal], lastBits)
		}
		for j, label := range want.Columns {
			scale := deterministic * max(1, want.FeatureSumsAbsolute[j])
			alikeWithin(t, "sum of "+label, []float64{sum(x[j])}, []float64{want.FeatureSums[j]}, scale)
			alikeWithin(t, "absolute sum of "+label, []float64{sumAbsolute(x[j])}, []float64{want.FeatureSumsAbsolute[j]}, scale)
		}

		zeros := func(n int) []float64 { return make([]float64, n) }
		lp, err := fitted.LogPosteriorAt(want.InitialK, want.InitialM, 1, zeros(len(want.ChangepointsT)), zeros(len(want.Columns)))
		if err != nil {
			t.Fatal(err)
		}
		alikeWithin(t, "log posterior at the start", []float64{lp}, []float64{want.InitialLogPosterior}, deterministic*max(1, math.Abs(want.InitialLogPosterior)))
		if f.Fit.Algorithm == "none" {
			return
		}
		slope, delta := f.Fit.K, f.Fit.Delta
		if f.Fit.OptimisedK != nil {
			slope, delta = *f.Fit.OptimisedK, f.Fit.OptimisedDelta
		}
		if lp, err = fitted.LogPosteriorAt(slope, f.Fit.M, f.Fit.SigmaObs, delta, f.Fit.Beta); err != nil {
			t.Fatal(err)
		}
		alikeWithin(t, "log posterior at the original's fit", []float64{lp}, []float64{f.Fit.LogPosterior}, deterministic*max(1, math.Abs(f.Fit.LogPosterior)))
	})
}

// Given the original's parameters, trend, components and yhat are the original's.
func TestPredictsLikeTheOriginal(t *testing.T) {
	t.Parallel()
	forEachCase(t, func(t *testing.T, f *golden.File, _ *prophet.Frame, fits golden.Fits) {
		frame, err := f.Frame()
		if err != nil {
			t.Fatal(err)
		}
		fc, err := fits.Given.Predict(t.Context(), frame, prophet.PredictOptions{NoIntervals: true})
		if err != nil {
			t.Fatal(err)
		}
		scale := 0.0
		for _, v := range f.Predicted.Values["yhat"] {
			scale = max(scale, math.Abs(v))
		}
		for name, want := range f.Predicted.Values {
			got := fc.Column(name)
			if len(got) != len(want) {
				t.Errorf("%s: %d values, the original has %d", name, len(got), len(want))
				continue
			}
			if c := fc.Component(name); c != nil && c.Mode == prophet.Multiplicative {
				alikeWithin(t, name, got, want, deterministic)
			} else {
				alikeWithin(t, name, got, want, deterministic*scale)
			}
		}
		for _, name := range fc.ColumnNames() {
			if _, ok := f.Predicted.Values[name]; !ok && name != "ds" && name != "cap" && name != "floor" {
				t.Errorf("the original has no column %q", name)
			}
		}
	})
}

// The maximum is at least as probable as the point where the original stops, and both fits forecast like the original.
func TestFitsLikeTheOriginal(t *testing.T) {
	t.Parallel()
	forEachCase(t, func(t *testing.T, f *golden.File, _ *prophet.Frame, fits golden.Fits) {
		c, err := f.Compare(t.Context(), fits)
		if err != nil {
			t.Fatal(err)
		}
		if !(c.MAP >= c.Original-lpSlack) {
			t.Errorf("log posterior %v is below the original's %v", c.MAP, c.Original)
		}
		if !(c.MAP >= c.Matching-max(lpSlack, notSharp[f.Name])) {
			t.Errorf("log posterior %v is below %v, where %s stops", c.MAP, c.Matching, c.MatchingReport.Optimizer)
		}
		within(t, "interval over the history, given the original's parameters", c.GivenHistory, widthRatio)
		within(t, "interval ahead, given the original's parameters", c.GivenHorizon, widthRatio)
		yhat, below, width := matchingLimits(c)
		if !(c.Matching >= c.Original-below) {
			t.Errorf("with the original's optimizer: log posterior %.4f, want at most %.4f below the original's %.4f", c.Matching, below, c.Original)
		}
		hold(t, "with the original's optimizer", c.MatchingDiff, yhat)
		within(t, "with the original's optimizer: interval over the history", c.MatchingHistory, width)
		within(t, "with the original's optimizer: interval ahead", c.MatchingHorizon, width)
		if c.MAP-c.Original > nearMaximum {
			return
		}
		yhat, width = yhatTolerance, widthRatio
		if named, ok := flat[f.Name]; ok {
			yhat, width = beyondFigure*named.yhat, max(width, beyondFigure*named.width)
		}
		hold(t, "at the maximum", c.MAPDiff, yhat)
		within(t, "at the maximum: interval over the history", c.MAPHistory, width)
		within(t, "at the maximum: interval ahead", c.MAPHorizon, width)
	})
}

// hold checks the largest difference of yhat from the original's.
func hold(t *testing.T, what string, d golden.Diff, limit float64) {
	t.Helper()
	if !(d.Max() <= limit) {
		t.Errorf("%s: yhat is up to %.5f of y's range away from the original's (history %.5f, ahead %.5f), want at most %.5f", what, d.Max(), d.History, d.Horizon, limit)
	}
}

// within checks a ratio of interval widths.
func within(t *testing.T, what string, ratio, allowed float64) {
	t.Helper()
	if !(math.Abs(ratio-1) <= allowed) {
		t.Errorf("%s: %.4f times as wide as the original's, want within %.3f of 1", what, ratio, allowed)
	}
}

// Every case of cases.json has its golden file, made from the same rows with the same config. Every listed departure names
// a case, and in the chaotic cases the original is further from itself than the tolerance.
func TestEveryCaseHasAGoldenFile(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../bench/prophet/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Name   string          `json:"name"`
		Series string          `json:"series"`
		Rows   int             `json:"rows"`
		Freq   string          `json:"freq"`
		Config json.RawMessage `json:"config"`
	}
	var cases struct {
		Generated []entry `json:"generated"`
		Real      []entry `json:"real"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	files, err := golden.Load(goldenFolder)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]*golden.File{}
	for _, f := range files {
		have[f.Name] = f
	}
	compact := func(raw []byte) string {
		var out bytes.Buffer
		if err := json.Compact(&out, raw); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	all := append(cases.Generated, cases.Real...)
	for _, c := range all {
		switch f := have[c.Name]; {
		case f == nil:
			t.Errorf("%s has no golden file; run `make prophet-golden`", c.Name)
		case f.Series != c.Series || f.RowsUsed != c.Rows || f.Freq != c.Freq:
			t.Errorf("%s: the golden file has %s (%d rows, %s), cases.json has %s (%d rows, %s)", c.Name, f.Series, f.RowsUsed, f.Freq, c.Series, c.Rows, c.Freq)
		case compact(f.Config) != compact(c.Config):
			t.Errorf("%s: the golden file was made with the config %s, cases.json has %s", c.Name, compact(f.Config), compact(c.Config))
		}
	}
	if len(all) != len(files) {
		t.Errorf("%d golden files for %d cases", len(files), len(all))
	}
	for _, name := range slices.Concat(chaotic, keys(short), keys(flat), keys(notSharp)) {
		if have[name] == nil {
			t.Errorf("%s is listed as a departure but is not a case", name)
		}
	}
	for _, name := range chaotic {
		if f := have[name]; f != nil && !(len(f.Spread.Yhat) > 0 && slices.Max(f.Spread.Yhat) > yhatTolerance) {
			t.Errorf("%s is listed as chaotic, but the original is within %v of itself", name, yhatTolerance)
		}
	}
}

// make_future_dataframe: five stamps ahead for each frequency, and for the inferred frequency.
func TestFutureFramesLikeTheOriginal(t *testing.T) {
	t.Parallel()
	futures, err := golden.LoadFutures(goldenFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range futures {
		history, err := golden.ReadSeries("testdata/"+f.Series, 0)
		if err != nil {
			t.Fatal(err)
		}
		o := prophet.Defaults()
		o.NChangepoints, o.YearlySeasonality, o.WeeklySeasonality, o.DailySeasonality = 0, prophet.SeasonalOff, prophet.SeasonalOff, prophet.SeasonalOff
		fitted := fit(t, o, &prophet.Frame{DS: history.DS, Y: history.Y})
		check := func(name string, want []string) {
			freq, err := prophet.ParseFreq(name)
			if err != nil {
				t.Fatalf("%s %s: %v", f.Series, name, err)
			}
			for _, includeHistory := range []bool{false, true} {
				frame, err := fitted.MakeFuture(5, freq, includeHistory)
				if err != nil {
					t.Errorf("%s %s: %v", f.Series, name, err)
					return
				}
				ahead := frame.DS
				if includeHistory {
					if len(ahead) != f.HistoryDates+5 {
						t.Errorf("%s %s: %d rows with the history, the original has %d", f.Series, name, len(ahead), f.HistoryDates+5)
						return
					}
					ahead = ahead[f.HistoryDates:]
				}
				got := make([]string, len(ahead))
				for i, s := range ahead {
					got[i] = s.String()
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s %q: %v, the original has %v", f.Series, name, got, want)
				}
			}
		}
		for name, want := range f.Freqs {
			check(name, want)
		}
		if f.Inferred != nil {
			check("", f.Inferred)
		}
	}
}

// Golden files of real series must contain only dates, parameters and forecasts.
func TestGoldenFilesHoldNoRealPrices(t *testing.T) {
	t.Parallel()
	files, err := golden.Load(goldenFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Real && (f.Prepared.YScaledFirst != nil || f.Prepared.YScaledLast != nil) {
			t.Errorf("%s: the file contains observations", f.Name)
		}
		for name := range f.Predicted.Columns {
			if f.Real && !slices.Contains([]string{"cap", "monday", "day_of_month"}, name) {
				t.Errorf("%s: the file contains the column %q", f.Name, name)
			}
		}
	}
}

func keys[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func sumAbsolute(x []float64) (s float64) {
	for _, v := range x {
		s += math.Abs(v)
	}
	return s
}

func sumOfSquares(x []float64) (s float64) {
	for _, v := range x {
		s += v * v
	}
	return s
}
