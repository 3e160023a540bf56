// Package testenv is the only place where tests are skipped. A test asks it for something from outside (real data, a
// server, a feature of the operating system) and is skipped, with the remedy, if that is missing. With ETFCAST_NO_SKIP=1
// a missing need is a failure instead, unless ETFCAST_ABSENT names it. The package starts nothing, and only tests import
// it.
package testenv
