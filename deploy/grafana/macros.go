package grafana

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Range is what a query is asked for: a time range, and the choices made.
type Range struct {
	From, To time.Time
	// Variables are the values of the variables that a panel's query may name.
	Variables map[string][]string
	// Interval is what a Prometheus query's $__rate_interval stands for.
	Interval time.Duration
}

var (
	macro    = regexp.MustCompile(`\$__(timeFilter|timeGroup)\(([^(),]+)(?:,\s*'([^']+)')?\)`)
	variable = regexp.MustCompile(`\$\{(\w+)(?::(\w+))?\}`)
	steps    = map[string]int{"1d": 86400, "7d": 7 * 86400}
)

// SQL expands the macros and variables that the dashboards use, as Grafana's MySQL data source does:
//
//	$__timeFilter(c)      c BETWEEN FROM_UNIXTIME(f) AND FROM_UNIXTIME(t)
//	$__timeGroup(c,'7d')  UNIX_TIMESTAMP(c) DIV 604800 * 604800
//	${name:sqlstring}     'XNYS','XKRX'
//	${name:csv}           1,5,21
//
// Anything else that begins with a dollar sign is an error.
func (r Range) SQL(query string) (string, error) {
	var failed error
	query = macro.ReplaceAllStringFunc(query, func(text string) string {
		m := macro.FindStringSubmatch(text)
		switch {
		case m[1] == "timeFilter" && m[3] == "":
			return fmt.Sprintf("%s BETWEEN FROM_UNIXTIME(%d) AND FROM_UNIXTIME(%d)", m[2], r.From.Unix(), r.To.Unix())
		case m[1] == "timeGroup" && steps[m[3]] > 0:
			return fmt.Sprintf("UNIX_TIMESTAMP(%s) DIV %d * %d", m[2], steps[m[3]], steps[m[3]])
		}
		failed = fmt.Errorf("%s is not a macro that is used as it should be", text)
		return text
	})
	query, err := r.replaceVariables(query, func(values []string, format string) (string, bool) {
		switch format {
		case "sqlstring":
			quoted := make([]string, len(values))
			for i, v := range values {
				quoted[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
			}
			return strings.Join(quoted, ","), true
		case "csv":
			return strings.Join(values, ","), true
		}
		return "", false // as it is, a value could end the string it stands in
	})
	if err == nil {
		err = failed
	}
	if err == nil && strings.Contains(query, "$") {
		err = fmt.Errorf("something is not expanded: %s", query)
	}
	return query, err
}

// PromQL expands the variables of a Prometheus query, as Grafana does: $__rate_interval and ${name:regex}.
func (r Range) PromQL(query string) (string, error) {
	query = strings.ReplaceAll(query, "$__rate_interval", strconv.Itoa(int(r.Interval.Seconds()))+"s")
	query = strings.ReplaceAll(query, "$__range", strconv.Itoa(int(r.To.Sub(r.From).Seconds()))+"s")
	query, err := r.replaceVariables(query, func(values []string, format string) (string, bool) {
		return "(" + strings.Join(values, "|") + ")", format == "regex"
	})
	if err == nil && strings.Contains(query, "$") {
		err = fmt.Errorf("something is not expanded: %s", query)
	}
	return query, err
}

func (r Range) replaceVariables(query string, write func(values []string, format string) (string, bool)) (string, error) {
	var err error
	query = variable.ReplaceAllStringFunc(query, func(text string) string {
		m := variable.FindStringSubmatch(text)
		values, ok := r.Variables[m[1]]
		if !ok || len(values) == 0 {
			err = fmt.Errorf("%s has no value", text)
			return text
		}
		result, ok := write(values, m[2])
		if !ok {
			err = fmt.Errorf("%s has a format that is not used here", text)
		}
		return result
	})
	return query, err
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
