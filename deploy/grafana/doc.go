// Package grafana defines etfcast's Grafana dashboards: which panels there are, what they query and in which units they show it.
// The files in the folder dashboards, which Grafana reads, are written from these definitions by `go test ./deploy/grafana -update`;
// nobody edits them by hand. The package also expands Grafana's macros and variables, so that tests can run every query.
//
// It is not part of the binary.
package grafana
