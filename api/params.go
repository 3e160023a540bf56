package api

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// limits are the default and the maximum page size of a list. openapi.yaml has the same numbers; a test compares them.
type limits struct{ defaultSize, maxSize int }

var (
	listLimits   = limits{100, service.MaxPage}
	barLimits    = limits{1000, 10_000}
	runETFLimits = limits{1000, 10_000}
	// provenanceLimits are those of each list: a forecast of a daily series may have thousands of responses behind it.
	provenanceLimits = limits{200, 10_000}
)

// parse parses a limit; nil gives the default. Errors are KindInvalid with Field "limit".
func (l limits) parse(text *string) (int, error) {
	if text == nil {
		return l.defaultSize, nil
	}
	n, err := strconv.Atoi(*text)
	if err != nil || n < 1 || n > l.maxSize || strings.HasPrefix(*text, "+") {
		return 0, etf.Invalid("limit", fmt.Sprintf("%q is not a limit", etf.Clip(*text, etf.MaxQuoted)), fmt.Sprintf("use a whole number from 1 to %d", l.maxSize))
	}
	return n, nil
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// textOrNil returns nil, which becomes null, for an empty string.
func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// checkQuery refuses unknown, repeated, empty, missing and unreadable query parameters: a misspelled parameter would otherwise be
// silently ignored. The dashboard's pages are let off: what follows the question mark in their addresses is for their own program.
func checkQuery(doc *openapi3.T) echo.MiddlewareFunc {
	known, needed := map[string][]string{}, map[string][]string{} // by method and path in echo's notation
	for path, item := range doc.Paths.Map() {
		if slices.Contains(dashboardRoutes, path) {
			continue
		}
		route := strings.NewReplacer("{", ":", "}", "").Replace(path)
		for method, op := range item.Operations() {
			names := []string{}
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					names = append(names, p.Value.Name)
					if p.Value.Required {
						needed[method+" "+route] = append(needed[method+" "+route], p.Value.Name)
					}
				}
			}
			known[method+" "+route] = names
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			route := c.Request().Method + " " + c.Path()
			names, ok := known[route]
			if !ok || c.Request().URL.RawQuery == "" && len(needed[route]) == 0 {
				return next(c)
			}
			query, errs := readQuery(c.Request().URL.RawQuery)
			for _, name := range slices.Sorted(maps.Keys(query)) {
				if len(errs) == maxFieldErrors {
					break
				}
				switch {
				case name == "":
					errs = append(errs, etf.Invalid("query", "a query parameter has no name", "write name=value"))
				case !slices.Contains(names, name):
					remedy := "omit it: this path takes no query parameters"
					if len(names) > 0 {
						remedy = "use " + strings.Join(names, ", ")
					}
					errs = append(errs, etf.Invalid(etf.Clip(name, etf.MaxQuoted), "there is no such query parameter", remedy))
				case len(query[name]) > 1:
					errs = append(errs, etf.Invalid(name, "the query parameter is given more than once", "give it only once"))
				case query[name][0] == "":
					errs = append(errs, etf.Invalid(name, "the query parameter is empty", "give it a value or omit it"))
				}
			}
			for _, name := range needed[route] {
				if len(errs) < maxFieldErrors && len(query[name]) == 0 {
					errs = append(errs, etf.Invalid(name, "the query parameter is missing", "add ?"+name+"="))
				}
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// readQuery parses a query and refuses the parts that url.ParseQuery would leave out. Errors are KindInvalid with Field
// "query"; there are at most maxFieldErrors.
func readQuery(raw string) (url.Values, []error) {
	query, err := url.ParseQuery(raw)
	if err == nil {
		return query, nil
	}
	var errs []error
	for part := range strings.SplitSeq(raw, "&") {
		if len(errs) == maxFieldErrors {
			break
		}
		if _, err := url.ParseQuery(part); err == nil {
			continue
		}
		message, remedy := "has a % that is not followed by two hex digits", "write a percent sign as %25"
		if strings.Contains(part, ";") {
			message, remedy = "has a semicolon", "separate parameters with &, and write a semicolon in a value as %3B"
		}
		errs = append(errs, etf.Invalid("query", fmt.Sprintf("%q %s", etf.Clip(part, etf.MaxQuoted), message), remedy))
	}
	if errs == nil { // no part alone is at fault: there are too many
		errs = append(errs, etf.Invalid("query", "the query has too many parameters", "give each parameter once"))
	}
	return query, errs
}
