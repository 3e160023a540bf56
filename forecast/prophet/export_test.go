package prophet

// Internals that the external tests need.

// FeaturesOf returns the feature columns of a frame's rows, K slices of N values; nil means the history.
func (f *Fitted) FeaturesOf(frame *Frame) ([][]float64, error) {
	r, err := f.rowsOf(frame)
	if err != nil {
		return nil, err
	}
	return f.features(r)
}

// ColumnPriors returns the prior scale of every feature column.
func (f *Fitted) ColumnPriors() []float64 {
	var out []float64
	for _, c := range f.layout.columns {
		out = append(out, c.prior)
	}
	return out
}

// ColumnLabels returns the name of every feature column.
func (f *Fitted) ColumnLabels() []string {
	var out []string
	for _, c := range f.layout.columns {
		out = append(out, c.name)
	}
	return out
}

// StartOf returns the k and m that a fit of the history starts from.
func (m *Model) StartOf(history *Frame) (k, offset float64, err error) {
	f, _, err := m.observed(history)
	if err != nil {
		return 0, 0, err
	}
	sc, err := m.scale(f, f.Y)
	if err != nil {
		return 0, 0, err
	}
	r, err := m.o.prepare(f, &sc, nil, f.Y)
	if err != nil {
		return 0, 0, err
	}
	k, offset = initialTrend(m.o.Growth, r.t, r.ys, r.limit)
	return k, offset, nil
}
