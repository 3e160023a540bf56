// Package assess says what the record of an exchange's models means for the forecasts of a session: how their intervals are calibrated, how
// a combination weights its members, which model is served, and how often intervals have held the price. Everything is a pure function of
// the scores of earlier sessions.
package assess
