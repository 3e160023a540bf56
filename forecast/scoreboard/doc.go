// Package scoreboard says in few numbers how a model's forecasts have fared, and how sure one can be: means relative to the
// benchmark with bootstrap intervals, coverage with standard errors, and a confidence sequence of the difference from the
// benchmark, which may be looked at every day.
//
// Everything is a pure function of the scores; the random numbers of the bootstrap come from a fixed seed.
package scoreboard
