// Package backtest measures models on the past as they would have been used: at each origin a model sees the closes up to it and nothing
// else, its parameters are estimated every so many sessions and carried forward between, and each forecast is scored as the record's are
// (package scoring). Calibration, the combination's weights and the gate follow the outcomes that had matured by each origin. Everything
// is a pure function of its input: the same series and options give the same result, bit for bit, however many goroutines share the work.
package backtest
