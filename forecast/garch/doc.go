// Package garch forecasts with a variance that follows the market: GARCH(1,1) of Bollerslev (1986) with Student's t (1987), and the GJR
// model of Glosten, Jagannathan and Runkle (1993), in which falls raise the variance more than rises, with the skewed t of Hansen (1994).
//
// Model. The log return of a session is r = mu + e, e = sqrt(h) z, with z independent, mean 0, variance 1, and
//
//	h[t+1] = omega + (alpha + gamma [e[t] < 0]) e[t]² + beta h[t]
//
// with omega > 0; alpha, alpha+gamma, beta >= 0; persistence alpha + gamma/2 + beta < 1; gamma and the skewness are 0 in "garch".
//
// Fit. Maximum likelihood with the exact gradient, from two starting points. Returns are in percent, and the variance before the first is
// that of the Python package arch (Sheppard), so that log likelihoods can be compared with it; testdata/golden.json does.
//
// A return over k sessions, where rows are left out, has mean k mu and k times the variance of a session. It enters the recursion as one
// residual, divided by the square root of k; that the variance moves towards its mean during the sessions left out is ignored.
//
// Forecast. One session ahead, quantiles are those of the fitted distribution. Beyond, they are those of 8,186 paths of a lattice, made
// from the fitted distribution: no random numbers, the same forecast for every seed. Of random paths, the share below a quantile differs
// from its level by .0013 (root mean square over levels and horizons), and by .006 at most (TestAgainstRandomPaths).
// Parameters are taken as known: an interval does not widen for their uncertainty.
//
// The mean. The expected price is infinite if log returns have the tails of a t distribution, whatever its degrees of freedom: the mean of
// simulated paths would be finite and grow with their number. Given instead is the mean of the lognormal distribution whose logarithm has
// the same mean and variance, but never outside the 90 % interval.
//
// Series without a sensible estimate. If more than half of the returns, or more than 20 in a row, are 0, the likelihood grows without
// bound as the variance of those sessions goes to 0. Then, and for a constant series, the variance is the exponentially weighted one of package drift
// with normal errors, and "status" says so.
package garch
