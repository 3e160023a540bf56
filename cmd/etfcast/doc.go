// Command etfcast is the product's only binary: the worker, the API and the operator's commands.
//
// There is one file per group of commands. They share settings.go (defaults < file < environment < flags), exit.go (exit
// codes), connect.go (database and Temporal) and wiring.go, which passes every adapter to its users.
package main
