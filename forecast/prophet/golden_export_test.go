package prophet

import "math"

// ColumnModes returns the mode of every feature column, "" for the column of zeros.
func (f *Fitted) ColumnModes() []Mode {
	var out []Mode
	for _, c := range f.layout.columns {
		out = append(out, c.mode)
	}
	return out
}

// LogPosteriorAt returns the log posterior of a vector of parameters given the model's history.
func (f *Fitted) LogPosteriorAt(k, m, sigma float64, delta, beta []float64) (float64, error) {
	r, err := f.rowsOf(nil)
	if err != nil {
		return 0, err
	}
	r.ys = f.s.History.YScaled
	x, err := f.FeaturesOf(nil)
	if err != nil {
		return 0, err
	}
	p := newPosterior(f.s.Options.Growth, r, x, f.layout.columns, f.s.Options.ChangepointPriorScale, f.s.ChangepointsT)
	u := append([]float64{k, m}, delta...)
	u = append(u, math.Log(sigma))
	return p.LogProb(append(u, beta...), nil), nil
}
