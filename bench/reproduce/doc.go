// Command reproduce issues forecasts of simulated ETFs of both exchanges over several sessions, draws some of them at random, and makes
// them again with `etfcast reproduce`: with the program that issued them, on one core, and with a program compiled for processors with
// FMA instructions (GOAMD64=v3), if there is one and this processor has them.
//
// Progress goes to standard error, one line of JSON to standard output. The exit code is 1 unless the first two give identical
// forecasts every time, and the third none that differs by more than a relative 1e-9.
package main
