package prophet

import (
	"slices"
)

// Frame is a table of rows: a history to fit or dates to predict. The slice of a column that the frame does not have is
// nil; every other is as long as DS. NaN is a missing value.
type Frame struct {
	DS []Stamp
	// Y holds the observed values. Rows without a value are left out of the fit.
	Y []float64
	// Cap and Floor are the saturation levels of logistic growth, in the units of Y.
	Cap, Floor []float64
	// Columns are extra regressors and the conditions of seasonalities (0 or 1), by name.
	Columns map[string][]float64
}

// Len returns the number of rows.
func (f *Frame) Len() int { return len(f.DS) }

// column returns a column by name, including "y", "cap" and "floor", or nil if there is none.
func (f *Frame) column(name string) []float64 {
	switch name {
	case "y":
		return f.Y
	case "cap":
		return f.Cap
	case "floor":
		return f.Floor
	}
	return f.Columns[name]
}

// Rows returns a frame of the given rows in the given order. It shares no memory with f.
func (f *Frame) Rows(index []int) *Frame {
	pick := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		out := make([]float64, len(index))
		for i, k := range index {
			out[i] = x[k]
		}
		return out
	}
	out := &Frame{DS: make([]Stamp, len(index)), Y: pick(f.Y), Cap: pick(f.Cap), Floor: pick(f.Floor)}
	for i, k := range index {
		out.DS[i] = f.DS[k]
	}
	if f.Columns != nil {
		out.Columns = make(map[string][]float64, len(f.Columns))
		for name, x := range f.Columns {
			out.Columns[name] = pick(x)
		}
	}
	return out
}

// Where returns a frame of the rows for whose stamp keep returns true.
func (f *Frame) Where(keep func(Stamp) bool) *Frame {
	var index []int
	for i, s := range f.DS {
		if keep(s) {
			index = append(index, i)
		}
	}
	return f.Rows(index)
}

// columnNames returns the names of f.Columns, sorted.
func (f *Frame) columnNames() []string {
	names := make([]string, 0, len(f.Columns))
	for name := range f.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
