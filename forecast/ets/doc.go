// Package ets forecasts by exponential smoothing of log closes, the model chosen automatically.
//
// Models. A level l and a trend b per session, with one source of error e (innovations state space models; Hyndman, Koehler, Ord and
// Snyder: Forecasting with Exponential Smoothing, 2008). The log close of a session is
//
//	y = f + e  (additive errors, A)   or   y = f (1 + e)  (multiplicative errors, M),   f = l + phi*b
//
// and after it l becomes f + alpha*(y-f), and b becomes phi*b + beta*(y-f). There are six models: errors A or M; no trend (N: b is 0), an
// additive trend (A: phi is 1) or a damped one (Ad). "MAdN" has multiplicative errors, a damped trend and, like all, no
// season. Multiplicative trends are left out, and so are multiplicative errors unless every log close is at least 1 (2.72 in the currency):
// a relative error of a logarithm has no meaning near its zero. They also make the forecast depend, slightly, on the currency's unit.
//
// Estimation. Smoothing parameters and initial states maximise the likelihood of normal errors, within the usual bounds: alpha from .0001 to .9999,
// beta from .0001 to alpha, phi from .8 to .98. One-step forecasts are linear in the initial states, so that these are found exactly for
// any smoothing parameters; the search is over one to three numbers, from a grid by Newton's method. The model with the least AICc
// (Hurvich and Tsai 1989) is chosen.
//
// Missing sessions. A row after a gap of several sessions is a row whose predecessors were not observed: the Kalman filter predicts through them,
// the error's variance v grows with the gap, and the state is known less well until enough rows have followed. A gap counts for at most
// 252 sessions.
//
// Intervals. The variance h sessions ahead is sigma² times a factor of the parameters: for additive errors that of class 1 models, for
// multiplicative ones that of class 2 (the same book, chapter 6), both exact. The distribution of the log close is taken to be normal, which
// with multiplicative errors is an approximation (their skewness is below .01 for log closes). By default sigma² is the exponentially weighted
// mean of e²/v with decay .94, as in package drift: volatility of markets clusters, which a constant sigma² ignores. The setting
// Volatility "constant" gives the latter: sum of e²/v divided by rows less the numbers estimated. The parameters' own uncertainty,
// also that of the trend, is left out, as in the book and the reference programs: drift contains it, and its intervals are .4 % wider for it
// at 21 sessions. Quantiles of the close are exp of those of its logarithm, the mean is the lognormal mean.
//
// The numbers are compared with statsforecast and statsmodels: docs/models.md.
package ets
