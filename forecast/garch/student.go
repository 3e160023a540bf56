package garch

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// student holds what Hansen's skewed t distribution with mean 0 and variance 1 needs (1994, equations 10 to 13): nu > 2 degrees of
// freedom and skewness -1 < lambda < 1, of which 0 is Student's t. At z, with w = (b z + a)/(1 ± lambda), minus to the left of -a/b,
// its density is b exp(c) (1 + w²/(nu-2))^(-(nu+1)/2).
type student struct {
	nu, lambda float64
	a, b, c    float64
	// derivatives of a, b, c
	aNu, bNu, cNu float64
	aLam, bLam    float64
}

func newStudent(nu, lambda float64) student {
	s := student{nu: nu, lambda: lambda}
	s.c = logGamma((nu+1)/2) - logGamma(nu/2) - math.Log(math.Pi*(nu-2))/2
	s.cNu = mathext.Digamma((nu+1)/2)/2 - mathext.Digamma(nu/2)/2 - 1/(2*(nu-2))
	s.aLam = 4 * math.Exp(s.c) * (nu - 2) / (nu - 1)
	s.a = lambda * s.aLam
	s.aNu = s.a * (s.cNu + 1/(nu-2) - 1/(nu-1))
	s.b = math.Sqrt(1 + 3*lambda*lambda - s.a*s.a)
	s.bNu = -s.a * s.aNu / s.b
	s.bLam = (3*lambda - s.a*s.aLam) / s.b
	return s
}

func logGamma(x float64) float64 {
	g, _ := math.Lgamma(x)
	return g
}

// slope returns dz/dg of the function z(g) that turns a standard normal g into a draw of s: the ratio of their densities.
func (s *student) slope(g, z float64) float64 {
	side := 1 + s.lambda
	if z < -s.a/s.b {
		side = 1 - s.lambda
	}
	w := (s.b*z + s.a) / side
	log := math.Log(s.b) + s.c - (s.nu+1)/2*math.Log1p(w*w/(s.nu-2))
	return math.Exp(-g*g/2-log) / math.Sqrt(2*math.Pi)
}

// quantile returns the quantile at level p.
func (s *student) quantile(p float64) float64 {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: s.nu}
	scale := math.Sqrt(1 - 2/s.nu)
	if left := (1 - s.lambda) / 2; p < left {
		return (t.Quantile(p/(1-s.lambda))*(1-s.lambda)*scale - s.a) / s.b
	} else if s.lambda != 0 {
		return (t.Quantile(.5+(p-left)/(1+s.lambda))*(1+s.lambda)*scale - s.a) / s.b
	}
	if p == .5 {
		return 0 // exactly: the median of a symmetric distribution
	}
	return -t.Quantile(1-p) * scale
}

// The table of z(g): at g from -tableEnd in steps of 1/tableRate.
const (
	tableEnd  = 6
	tableRate = 16
	tableSize = 2*tableEnd*tableRate + 1
	substeps  = 4
)

// table is the function z(g) of a distribution and its slope at equal steps of g. Between them it is the cubic with these values and slopes.
type table struct {
	z, slope [tableSize]float64
}

// newTable solves dz/dg = slope(g, z) from the point that the two halves of the distribution meet in, in both directions, by the
// classical Runge-Kutta method. Within ±4 it is right to 1e-6 of the standard deviation.
func newTable(s *student) *table {
	t := new(table)
	left := min(max((1-s.lambda)/2, 1e-9), 1-1e-9)
	start := 0.0
	if s.lambda != 0 {
		start = distuv.UnitNormal.Quantile(left)
	}
	first := int(math.Ceil((start + tableEnd) * tableRate)) // the first node at or above the start
	for _, up := range []bool{true, false} {
		g, z, i, step := start, -s.a/s.b, first, 1
		if !up {
			i, step = first-1, -1
		}
		for ; i >= 0 && i < tableSize; i += step {
			next := float64(i)/tableRate - tableEnd
			d := (next - g) / substeps
			for range substeps {
				k1 := s.slope(g, z)
				k2 := s.slope(g+d/2, z+d/2*k1)
				k3 := s.slope(g+d/2, z+d/2*k2)
				k4 := s.slope(g+d, z+d*k3)
				g, z = g+d, z+d/6*(k1+2*k2+2*k3+k4)
			}
			g = next
			t.z[i], t.slope[i] = z, s.slope(g, z)
		}
	}
	return t
}

// at returns z(g).
func (t *table) at(g float64) float64 {
	x := (g + tableEnd) * tableRate
	x = min(max(x, 0), tableSize-1)
	i := min(int(x), tableSize-2)
	f := x - float64(i)
	a, b := t.z[i], t.z[i+1]
	da, db := t.slope[i]/tableRate, t.slope[i+1]/tableRate
	c := b - a
	return a + f*(da+f*(3*c-2*da-db+f*(da+db-2*c)))
}
