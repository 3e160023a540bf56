// Package golden reads the original Prophet's results (the files written by golden.py), fits the same cases with package
// prophet, and measures how far apart the two are. The tests of forecast/prophet and the parity report use it.
//
// It sets no tolerances: the caller decides how far is too far.
package golden
