// Command etfcast is the product's only binary: the worker, the API and the operator's commands.
//
// Each command has its own file. Commands share settings.go (defaults < file < environment < flags), exit.go (exit
// codes), connect.go (database and Temporal) and wiring.go, which passes every adapter to its users.
package main
