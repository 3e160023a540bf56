package theta

// line is the least-squares line through the observations so far, sessions against values, by updates of means and sums of products.
type line struct {
	N  int     `json:"n"`
	X  float64 `json:"x"` // mean session
	Y  float64 `json:"y"` // mean value
	XX float64 `json:"xx"`
	XY float64 `json:"xy"`
}

// add takes in an observation.
func (l *line) add(x, y float64) {
	l.N++
	n := float64(l.N)
	dx, dy := x-l.X, y-l.Y
	l.X += dx / n
	l.Y += dy / n
	l.XX += dx * (x - l.X)
	l.XY += dx * (y - l.Y)
}

// coefficients returns intercept and slope; the slope through one observation is 0.
func (l *line) coefficients() (a, b float64) {
	if l.XX > 0 {
		b = l.XY / l.XX
	}
	return l.Y - b*l.X, b
}
