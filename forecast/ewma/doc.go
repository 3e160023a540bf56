// Package ewma forecasts with a random walk without drift whose volatility is an exponentially weighted average: the plain forecast of
// J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed. 1996, sections 4.6 and 5.2, and the least that a model of volatility has to beat.
//
// Model. The logarithm of the close h sessions after the origin is normal around that of the last close, with variance h*sigma². sigma² is
// the weighted mean of the squared log returns, taken around 0, with weights that fall by .94 from row to row; they are normalised, so that
// there is no starting value to choose. A squared return over k sessions (rows left out) is divided by k.
//
// The median is the last close and the mean its lognormal mean, last*exp(h*sigma²/2): a walk of the logarithm without drift is a price that
// rises on average, by .005 % a session at a volatility of 1 %.
package ewma
