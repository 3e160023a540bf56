package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
)

// limits are the default and the maximum page size of a list. openapi.yaml has the same numbers; a test compares them.
type limits struct{ defaultSize, maxSize int }

var (
	listLimits   = limits{100, 1000}
	barLimits    = limits{1000, 10_000}
	runETFLimits = limits{1000, 10_000}
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

// checkQuery refuses unknown, repeated and empty query parameters: a misspelled parameter would otherwise be silently
// ignored.
func checkQuery(doc *openapi3.T) echo.MiddlewareFunc {
	known := map[string][]string{} // by method and path in echo's notation
	for path, item := range doc.Paths.Map() {
		route := strings.NewReplacer("{", ":", "}", "").Replace(path)
		for method, op := range item.Operations() {
			names := []string{}
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInQuery {
					names = append(names, p.Value.Name)
				}
			}
			known[method+" "+route] = names
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			names, ok := known[c.Request().Method+" "+c.Path()]
			if !ok || c.Request().URL.RawQuery == "" {
				return next(c)
			}
			var errs []error
			query := c.QueryParams()
			for _, name := range slices.Sorted(maps.Keys(query)) {
				switch {
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
				if len(errs) == maxFieldErrors {
					break
				}
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			return next(c)
		}
	}
}
