// Package drift forecasts with a random walk with drift: the benchmark every other model has to beat.
//
// Model. Log closes x follow x[t+1] = x[t] + mu + e with e normal, mean 0 and a variance sigma² that changes from
// day to day. The close h sessions after the origin is then lognormal around x + h*mu, with variance
//
//		v(h) = h*sigma² + h²*s²/n
//
//	  - mu is the mean log return per session over the drift window: (last - first log close) / sessions between them.
//	  - sigma² is the exponentially weighted mean of squared innovations (r - mu)², decay 0.94: the daily decay of
//	    J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed. 1996, section 5.3. Weights are normalised over
//	    the window, so there is no starting value to choose. Under this scheme the forecast variance of every
//	    later session equals today's, hence h*sigma².
//	  - h²*s²/n is the uncertainty of the drift itself: s² is the plain variance of the innovations and n the
//	    sessions they span. With sigma = s it is the drift method's sigma*sqrt(h*(1+h/n)) of Hyndman and
//	    Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5. With the default window it is
//	    0.4 % of the standard deviation at 21 sessions; with 33 returns it is 28 %, as it should be.
//
// Quantiles are exp of normal quantiles, the median is exp(x + h*mu), and the mean is the lognormal mean
// exp(x + h*mu + v/2). The squared innovation of a return over several sessions (where a row is left out) is
// divided by the number of sessions.
//
// Measured coverage: over the histories of SPY, QQQ, IWM and EEM the 90 % interval covers 88 to 91 % of closes one
// session ahead and 91 to 92 % at 21 sessions; too little after calm markets and too much after turbulent ones.
// The package does not calibrate its intervals; it stays a plain benchmark.
package drift
