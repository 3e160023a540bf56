package file

import (
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

// Parse reads a file's bytes as Fetch does, without a folder.
func Parse(name string, raw []byte, modified time.Time, q etf.Query) (etf.Response, error) {
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return etf.Response{}, err
	}
	window, err := source.ClosedWindow(cal, q)
	if err != nil {
		return etf.Response{}, err
	}
	ref, err := source.ParseRef(q.Ref, "basis", "currency", "layout", "columns", "last_line")
	if err != nil {
		return etf.Response{}, err
	}
	opt, err := parseOptions(ref.Options)
	if err != nil {
		return etf.Response{}, err
	}
	t, err := parse(name, raw, opt)
	if err != nil {
		return etf.Response{}, err
	}
	response := t.response(window)
	response.DataAt = modified
	return response, nil
}
