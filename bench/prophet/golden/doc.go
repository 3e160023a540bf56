// Package golden reads what the original Prophet gave (the files written by golden.py), fits the same cases with
// package prophet, and says how far apart the two are. The tests of forecast/prophet and the parity report use it.
//
// It refuses to judge: how far is too far is the caller's to say.
package golden
