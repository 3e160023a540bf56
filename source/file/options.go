package file

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// options are the options of a reference, validated.
type options struct {
	basis    etf.Basis
	currency etf.Currency
	layout   *layout
	columns  []role
	lastLine bool    // use the last line even if it has no line end
	dates    string  // "dmy", "mdy", "ymd", "excel1900" or "excel1904"; empty to decide by the column
	decimal  decimal // 0 to decide by the file
	volume   float64 // what a plain number in the volume column is multiplied by; 0 to decide by the column
	zone     string  // "exchange" or "written"; empty to decide by the column
	market   market
	// closesOnly: a file without open, high and low is read, too; its bars are flat.
	closesOnly bool
}

// optionNames are the options of a reference.
var optionNames = []string{"basis", "currency", "layout", "columns", "last_line", "dates", "decimal", "volume", "zone"}

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
			return o, etf.Invalid("ref", "columns: "+err, "name each of date, open, high, low and close once")
		}
	}
	if text, ok := given["last_line"]; ok {
		if o.lastLine = text == "complete"; !o.lastLine {
			return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a value of last_line", text), "use last_line=complete, or leave it out")
		}
	}
	var err error
	if o.dates, err = oneOf(given, "dates", "dmy", "mdy", "ymd", "excel1900", "excel1904"); err != nil {
		return o, err
	}
	sign, err := oneOf(given, "decimal", ".", ",")
	if err != nil {
		return o, err
	}
	if sign != "" {
		o.decimal = decimal(sign[0])
	}
	if o.zone, err = oneOf(given, "zone", "exchange", "written"); err != nil {
		return o, err
	}
	if text, ok := given["volume"]; ok {
		n, ok := digits(text)
		if !ok || n < 1 || n > 1_000_000_000 {
			return o, etf.Invalid("ref", fmt.Sprintf("%.40q is not a value of volume", text), "use how many shares a number in the volume column stands for: volume=1000 if it is in thousands")
		}
		o.volume = float64(n)
	}
	return o, nil
}

// oneOf returns the value of an option that has only certain ones; empty if it is not given.
func oneOf(given map[string]string, option string, values ...string) (string, error) {
	text, ok := given[option]
	if ok && !slices.Contains(values, text) {
		return "", etf.Invalid("ref", fmt.Sprintf("%.40q is not a value of %s", text, option), "use one of "+strings.Join(values, " "))
	}
	return text, nil
}
