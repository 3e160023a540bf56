package file

import (
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// options are the options of a reference, validated.
type options struct {
	basis    etf.Basis
	currency etf.Currency
	layout   *layout
	columns  []role
	lastLine bool // use the last line even if it has no line end
}

func parseOptions(given map[string]string) (options, error) {
	var o options
	if text, ok := given["basis"]; ok {
		if o.basis = etf.Basis(text); !o.basis.Valid() {
			return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a basis", text), "use as_traded, split_adjusted, total_adjusted or unknown")
		}
	}
	if text, ok := given["currency"]; ok {
		c, err := etf.ParseCurrency(text)
		if err != nil {
			return o, err
		}
		o.currency = c
	}
	if text, ok := given["layout"]; ok {
		if o.layout = layoutNamed(text); o.layout == nil {
			return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a layout", text), "use one of "+strings.Join(layoutNames(), ", "))
		}
	}
	if text, ok := given["columns"]; ok {
		for name := range strings.SplitSeq(text, ",") {
			r, ok := roleNamed(name)
			if !ok {
				return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a column", name), "use "+strings.Join(roleNames[:], ", "))
			}
			o.columns = append(o.columns, r)
		}
		if _, err := newColumns(o.columns); err != "" {
			return o, etf.Invalid("ref", "columns: "+err, "name each of date, open, high, low, close once")
		}
	}
	if text, ok := given["last_line"]; ok {
		if o.lastLine = text == "complete"; !o.lastLine {
			return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a value of last_line", text), "use last_line=complete, or leave it out")
		}
	}
	return o, nil
}
