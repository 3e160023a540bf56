package diagnostics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// Options configure a cross-validation. Horizon is required; the rest may be left zero.
type Options struct {
	// Horizon is how far ahead is forecast after each cutoff.
	Horizon prophet.Stamp
	// Period is the time between cutoffs; 0 = half the horizon.
	Period prophet.Stamp
	// Initial is the least length of the history before the first cutoff; 0 = three horizons, or the longest
	// seasonality's period if that is longer.
	Initial prophet.Stamp
	// Cutoffs, if not empty, are used as given, in their order; Period and Initial are then ignored.
	Cutoffs []prophet.Stamp
	// Extra names further columns of the forecast to include in the table ("trend", "weekly", ...).
	Extra []string
	// Workers is how many cutoffs are processed at once; 0 = 1. The table does not depend on it.
	Workers int
	// KeepScaling refits a model with prophet.Options.Compat with its own Scaling; the original always refits with AbsMax.
	// Other models always keep theirs.
	KeepScaling bool
	// Fit is passed to every fit, without its Progress.
	Fit prophet.FitOptions
	// Progress is called after every cutoff, never by two goroutines at once.
	Progress func(done, total int)
	// Warn is called, before the first fit, with what makes the result doubtful.
	Warn func(message string)
}

// CrossValidation refits the model on the history up to each cutoff and forecasts the rows of the history within the
// horizon after it. A refit has the fitted model's options and seasonalities, and sees nothing else of what comes after
// its cutoff: scales, the means and deviations of regressors, holidays and changepoints are those of the rows up to it
// (given changepoints are those that come before the last of these rows). So yhat is, to the bit, what Fit on these rows
// and Predict give with prophet.(*Fitted).CopyOptions. Each cutoff has its own seed, derived from the model's
// seed and the cutoff, so that a row does not depend on which other cutoffs there are.
//
// Errors: KindInvalid for bad options (see Cutoffs), for a cutoff with fewer than 2 rows before it or none within the
// horizon after it, and for an unknown extra column; those of Fit and Predict, which name the cutoff; ctx's error soon
// after ctx is done.
func CrossValidation(ctx context.Context, f *prophet.Fitted, o Options) (*Table, error) {
	if f == nil {
		return nil, etf.Invalid("model", "there is no fitted model", "fit it first")
	}
	if o.Horizon <= 0 {
		return nil, etf.Invalid("horizon", "it is not above zero", `use a length of time such as "30 days"`)
	}
	if o.Period < 0 || o.Initial < 0 || o.Workers < 0 {
		return nil, etf.Invalid("period, initial or workers", "one of them is below zero", "use more than zero, or leave it out for the default")
	}
	history := historyOf(f, o.absmax(f))
	cutoffs, err := o.cutoffs(f, history.DS)
	if err != nil {
		return nil, err
	}
	windows := make([]window, len(cutoffs))
	for i, c := range cutoffs {
		if windows[i], err = newWindow(history.DS, c, o.Horizon); err != nil {
			return nil, err
		}
	}
	parts := make([]*Table, len(windows))
	err = inParallel(ctx, len(windows), o.Workers, o.Progress, func(ctx context.Context, i int) error {
		var err error
		if parts[i], err = o.forecast(ctx, f, history, windows[i]); err != nil {
			return fmt.Errorf("cross-validating at the cutoff %s: %w", windows[i].cutoff, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return join(parts), nil
}

// absmax reports whether refits scale by AbsMax whatever the model's own scaling.
func (o *Options) absmax(f *prophet.Fitted) bool { return f.State().Options.Compat && !o.KeepScaling }

// historyOf returns the rows of the fit in their original units. For refits scaled by AbsMax a model of logistic growth
// gets the floor of the fit, as in the original: with MinMax and no floor given, the lowest y.
func historyOf(f *prophet.Fitted, absmax bool) *prophet.Frame {
	s := f.State()
	out := f.HistoryFrame()
	if s.Options.Growth == prophet.Logistic && absmax && !s.Options.Market.LogScale {
		out.Floor = s.History.Floor
	}
	return out
}

// cutoffs returns the given cutoffs, or generates them.
func (o *Options) cutoffs(f *prophet.Fitted, ds []prophet.Stamp) ([]prophet.Stamp, error) {
	var longestPeriod float64
	for _, s := range f.State().Seasonalities {
		longestPeriod = max(longestPeriod, s.Period)
	}
	// A period need not be a whole number of microseconds; what it is compared with is.
	season := longest
	if d := math.Ceil(longestPeriod * float64(prophet.Day)); d < float64(longest) {
		season = prophet.Stamp(d)
	}
	cutoffs, initial := o.Cutoffs, o.Initial
	if len(cutoffs) > 0 {
		if err := checkCutoffs(cutoffs, ds, o.Horizon); err != nil {
			return nil, err
		}
		initial = cutoffs[0] - ds[0]
	} else {
		period := o.Period
		if period == 0 {
			period = max(1, o.Horizon/2)
		}
		if initial == 0 {
			initial = max(min(o.Horizon, longest)*3, season)
		}
		var err error
		if cutoffs, err = Cutoffs(ds, o.Horizon, initial, period); err != nil {
			return nil, err
		}
	}
	if initial < season && o.Warn != nil {
		o.Warn(fmt.Sprintf("the first window of %s is shorter than the longest seasonality, %v days: its first forecasts rest on the priors; use a longer initial", describe(initial), longestPeriod))
	}
	return cutoffs, nil
}

// window is a cutoff in the history: rows before train are fitted, rows train to end-1 are forecast.
type window struct {
	cutoff     prophet.Stamp
	train, end int
}

func newWindow(ds []prophet.Stamp, cutoff, horizon prophet.Stamp) (window, error) {
	w := window{cutoff: cutoff}
	w.train, _ = slices.BinarySearch(ds, cutoff+1)
	w.end, _ = slices.BinarySearch(ds, cutoff+horizon+1)
	if w.train < 2 {
		return w, etf.Invalid("initial", fmt.Sprintf("the cutoff %s has fewer than 2 rows before it", cutoff), "use a longer initial, or a later cutoff")
	}
	if w.end == w.train {
		return w, etf.Invalid("cutoffs", fmt.Sprintf("no row of the history is within %s after the cutoff %s", describe(horizon), cutoff), "use another cutoff, or a longer horizon")
	}
	return w, nil
}

// part returns rows from to end-1 without copying them.
func part(f *prophet.Frame, from, end int) *prophet.Frame {
	cut := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		return x[from:end:end]
	}
	out := &prophet.Frame{DS: f.DS[from:end:end], Y: cut(f.Y), Cap: cut(f.Cap), Floor: cut(f.Floor), Columns: make(map[string][]float64, len(f.Columns))}
	for name, x := range f.Columns {
		out.Columns[name] = cut(x)
	}
	return out
}

// forecast fits one window and forecasts what follows.
func (o *Options) forecast(ctx context.Context, f *prophet.Fitted, history *prophet.Frame, w window) (*Table, error) {
	options := f.CopyOptions(&w.cutoff)
	if o.absmax(f) {
		options.Scaling = prophet.AbsMax
	}
	options.Seed = seedAt(options.Seed, w.cutoff)
	m, err := prophet.New(options)
	if err != nil {
		return nil, err
	}
	how := o.Fit
	how.Progress = nil
	fitted, err := m.Fit(ctx, part(history, 0, w.train), how)
	if err != nil {
		return nil, err
	}
	ahead := part(history, w.train, w.end)
	wantsTrend := slices.Contains(o.Extra, "trend_lower") || slices.Contains(o.Extra, "trend_upper")
	fc, err := fitted.Predict(ctx, ahead, prophet.PredictOptions{NoTrendIntervals: !wantsTrend})
	if err != nil {
		return nil, err
	}
	t := &Table{DS: fc.DS, Yhat: fc.Yhat, YhatLower: fc.YhatLower, YhatUpper: fc.YhatUpper, Y: slices.Clone(ahead.Y), Cutoff: slices.Repeat([]prophet.Stamp{w.cutoff}, len(fc.DS))}
	for i, name := range o.Extra {
		switch {
		case slices.Contains([]string{"ds", "yhat", "y", "cutoff"}, name) || slices.Contains(o.Extra[:i], name):
			continue
		case fc.YhatLower != nil && (name == "yhat_lower" || name == "yhat_upper"):
			continue
		}
		x := fc.Column(name)
		if x == nil {
			return nil, etf.Invalid(fmt.Sprintf("extra[%d]", i), fmt.Sprintf("the forecast has no column %s", quote(name)), fmt.Sprintf("use columns of %v", fc.ColumnNames()))
		}
		t.Extra = append(t.Extra, Column{name, x})
	}
	return t, nil
}

// seedAt mixes a seed and a cutoff (the finaliser of Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014, in the constants of David Stafford's Mix13).
func seedAt(seed uint64, cutoff prophet.Stamp) uint64 {
	z := seed + 0x9e3779b97f4a7c15*uint64(cutoff)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// inParallel runs work for n-1 down to 0: the longest windows first, so that none of them is left for the end. After an
// error nothing new is started, and what has started is finished: the error returned is that of the last cutoff that
// has one, whatever the number of workers.
func inParallel(ctx context.Context, n, workers int, progress func(done, total int), work func(context.Context, int) error) error {
	var (
		mu       sync.Mutex
		next     = n - 1
		done     int
		failed   error
		failedAt = -1
		wait     sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		i := next
		next--
		return i, i >= 0 && failed == nil && ctx.Err() == nil
	}
	finish := func(i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			if i > failedAt {
				failed, failedAt = err, i
			}
			return
		}
		done++
		if progress != nil {
			progress(done, n)
		}
	}
	for range min(max(1, workers), n) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for {
				i, ok := take()
				if !ok {
					return
				}
				finish(i, work(ctx, i))
			}
		}()
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return failed
}

// join concatenates tables with the same columns.
func join(parts []*Table) *Table {
	out := &Table{}
	for i, p := range parts {
		out.DS = append(out.DS, p.DS...)
		out.Yhat = append(out.Yhat, p.Yhat...)
		out.YhatLower = append(out.YhatLower, p.YhatLower...)
		out.YhatUpper = append(out.YhatUpper, p.YhatUpper...)
		out.Y = append(out.Y, p.Y...)
		out.Cutoff = append(out.Cutoff, p.Cutoff...)
		for k, c := range p.Extra {
			if i == 0 {
				out.Extra = append(out.Extra, Column{Name: c.Name})
			}
			out.Extra[k].Values = append(out.Extra[k].Values, c.Values...)
		}
	}
	return out
}
