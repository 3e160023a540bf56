// Package testenv is the one place where a test is skipped. A test asks it for what it needs from outside (real data, a
// server, a feature of the operating system) and is skipped, with the remedy, where that is missing. With
// ETFCAST_NO_SKIP=1 a missing need is a failure instead, unless ETFCAST_ABSENT names it. It starts nothing and, outside
// of tests, is imported by nothing.
package testenv
