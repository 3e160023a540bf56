// Package calibration makes the intervals of a model cover what they say: adaptive conformal prediction on volatility-scaled errors.
// Everything is a pure function of matured outcomes.
package calibration
