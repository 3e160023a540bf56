package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Ref is a parsed reference: "SPY.csv?basis=as_traded&currency=USD" has the name "SPY.csv" and two options.
type Ref struct {
	Name    string
	Options map[string]string // never nil
}

// ParseRef splits an etf.SourceRef's Ref at its first "?" into a name and options of the form
// key=value&key=value. Nothing is percent-decoded. An option that is not in allowed, is given twice or has no
// value is an error of KindInvalid with Field "ref".
func ParseRef(ref string, allowed ...string) (Ref, error) {
	name, query, has := strings.Cut(ref, "?")
	r := Ref{Name: name, Options: map[string]string{}}
	if !has || query == "" {
		return r, nil
	}
	remedy := "remove it; this source takes no options"
	if len(allowed) > 0 {
		remedy = "use one of " + strings.Join(allowed, ", ")
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch _, twice := r.Options[key]; {
		case !slices.Contains(allowed, key):
			return Ref{}, etf.Invalid("ref", fmt.Sprintf("%q is not an option of this source", etf.Clip(key, 40)), remedy)
		case value == "":
			return Ref{}, etf.Invalid("ref", fmt.Sprintf("option %s has no value", key), "write "+key+"=value")
		case twice:
			return Ref{}, etf.Invalid("ref", fmt.Sprintf("option %s is given twice", key), "give it once")
		}
		r.Options[key] = value
	}
	return r, nil
}
