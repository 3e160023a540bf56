// Package histsim forecasts by filtered historical simulation: past returns, each divided by the volatility expected the day before, happen again in
// today's volatility. Hull and White, "Incorporating volatility updating into the historical simulation method for value-at-risk", Journal of Risk
// 1 (1998); Barone-Adesi, Giannopoulos and Vosper, "VaR without correlations for portfolios of derivative securities", Journal of Futures Markets
// 19 (1999).
//
// Model. Log returns over k sessions are r = k*mu + sqrt(k)*sigma*z. mu is the mean log return per session over the window, the drift of
// package drift, so that the two differ in the shape of the distribution and not in its place. sigma² is the exponentially weighted mean of
// the squared innovations (r - k*mu)²/k before the return, decay .94. The residuals z of the window, but for the first 33 returns, which
// only start sigma, are the distribution: skewness and fat tails included, and the average error of sigma too, as their variance c is not
// scaled to 1. They are centred, so that the mean logarithm moves by mu.
//
// One session ahead the quantiles are those of the residuals, at position (n+1)p of the ordered sample: the next return lies below the k-th of n
// exchangeable ones with probability k/(n+1). Further ahead they are those of simulated paths: residuals are drawn with replacement, and
// after each one sigma² becomes sigma² * (.94 + .06 z²/c), the weighted mean's own step; the division by c keeps the variance of later sessions
// at today's, where the average of z² above 1, which comes from the error of sigma, would make it grow from day to day. Volatility thus clusters
// within a path. The draws are stratified in each session (Latin hypercube), and depend on the seed only, so that a day's forecast differs from the
// last by what happened and not by chance.
//
// The uncertainty of mu is not part of it: at the default window it is .4 % of the standard deviation at 21 sessions.
package histsim
