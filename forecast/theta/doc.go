// Package theta forecasts with the Theta method: simple exponential smoothing with a drift that is a share of a regression line's slope. It is
// the model that won the M3 competition, in the state-space form and with the two extensions of Fiorucci, Pellegrini, Louzada, Petropoulos and
// Koehler, "Models for optimising the theta method and their relationship to state space models", International Journal of Forecasting 32 (2016).
//
// Model, on log closes y at sessions t = 1, 2, ..., with level l, smoothing alpha and share w = 1 - 1/theta:
//
//	mu[t] = l[t-1] + w ((1-alpha)^(t-1) A + (1 - (1-alpha)^t)/alpha B)
//	y[t]  = mu[t] + e[t],  e normal with mean 0 and variance sigma²
//	l[t]  = alpha y[t] + (1-alpha) l[t-1]
//
// A and B are intercept and slope of the regression of y on t: on the whole window (standard and optimised), or on the sessions before t
// (dynamic). theta is 2 (standard), or estimated (optimised, dynamic: the paper's STM, OTM and DOTM).
//
// Estimation minimises the sum of squared errors from the fourth row on over l[0], alpha in [.1,.99] and theta >= 1, as the reference does
// (Nixtla's statsforecast; its bounds too). Given alpha the errors are linear in l[0] and w, so these are found exactly by least squares, and
// what is left is a search in one dimension: it finds the minimum, where the reference's Nelder-Mead stops near one.
//
// Intervals are normal, from the model's own variance. With constant A and B it is sigma² (1 + (h-1) alpha²); in the dynamic model future
// closes move A and B too, and the variance is computed from each future error's effect on every later close, exactly, as the model is linear
// in them. The reference simulates 200 paths instead, in which A and B move in the static models as well. The uncertainty of the
// parameters is not part of it, as in the literature. By default sigma² is the exponentially weighted mean of the squared errors with decay .94, as
// in packages drift and ets: volatility of markets clusters, which one sigma² for the whole window ignores. The setting Volatility "constant" gives the
// literature's: the sum of squares divided by the rows less the parameters.
//
// A session left out of the series is a session without observation: the level moves by its expectation, A and B don't, and the error of the
// next row, k sessions later, has variance sigma² (1 + (k-1) alpha²) and counts accordingly, in the volatility too.
package theta
