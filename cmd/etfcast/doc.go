// Command etfcast is the one binary of the product: the worker, the API, and everything an operator types.
//
// One file holds one command. What commands share: settings.go (defaults < file < environment < flags),
// exit.go (exit codes), connect.go (database and Temporal), and wiring.go, where every adapter is handed to
// what needs it.
package main
