// Package scoring measures one forecast against the price that came: which forecasts count (Standings), what the actual price is
// in the forecast's own shares (Actual), and the losses (Measure).
//
// Everything is a pure function of its input. Summing scores up is package scoreboard's, storing them package db's, and when they
// are due is decided in package activities.
package scoring
