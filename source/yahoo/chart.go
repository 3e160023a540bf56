package yahoo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// root is the prefix of the JSON paths in errors and defects.
const root = "chart.result[0]"

// envelope is the body of every JSON response. The gateway's errors are under "finance".
type envelope struct {
	Chart   section `json:"chart"`
	Finance section `json:"finance"`
}

type section struct {
	Result []chart   `json:"result"`
	Error  *apiError `json:"error"`
}

type apiError struct {
	Code        string `json:"code"`
	Description string `json:"description"`
}

type chart struct {
	Meta       meta   `json:"meta"`
	Timestamp  []cell `json:"timestamp"`
	Indicators struct {
		Quote    []quote `json:"quote"`
		AdjClose []struct {
			AdjClose []cell `json:"adjclose"`
		} `json:"adjclose"`
	} `json:"indicators"`
	Events struct {
		Dividends    map[string]event `json:"dividends"`
		CapitalGains map[string]event `json:"capitalGains"`
		Splits       map[string]event `json:"splits"`
	} `json:"events"`
}

type meta struct {
	Currency             string `json:"currency"`
	Symbol               string `json:"symbol"`
	InstrumentType       string `json:"instrumentType"`
	ExchangeTimezoneName string `json:"exchangeTimezoneName"`
	DataGranularity      string `json:"dataGranularity"`
	FirstTradeDate       cell   `json:"firstTradeDate"`
	CurrentTradingPeriod struct {
		Regular struct {
			Start cell `json:"start"`
			End   cell `json:"end"`
		} `json:"regular"`
	} `json:"currentTradingPeriod"`
}

type quote struct {
	Open   []cell `json:"open"`
	High   []cell `json:"high"`
	Low    []cell `json:"low"`
	Close  []cell `json:"close"`
	Volume []cell `json:"volume"`
}

type event struct {
	Date        cell `json:"date"`
	Amount      cell `json:"amount"`
	Numerator   cell `json:"numerator"`
	Denominator cell `json:"denominator"`
}

// cell is one value as text, empty for null and for its stand-ins (NaN, Infinity). A number is never read as a float,
// nor a null as zero.
type cell string

// UnmarshalJSON keeps the text; whether it is a number is decided where it is used, so that a bad cell costs one row
// and not the whole response.
func (c *cell) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	switch strings.TrimLeft(text, "+-") {
	case "null", "NaN", "Infinity", "Inf":
		text = ""
	}
	*c = cell(text)
	return nil
}

func (c cell) null() bool { return c == "" }

// whole reads an integer; ok is false for anything else.
func (c cell) whole() (n int64, ok bool) {
	n, err := strconv.ParseInt(string(c), 10, 64)
	return n, err == nil
}

// maxValues bounds the values in a response, which take some forty times the memory of their two bytes of text. Sixty
// years of sessions in seven columns are a tenth of it.
const maxValues = 1_000_000

// maxRows bounds the rows, each of which may become a defect to store. Sixty years have 16,000 sessions.
const maxRows = 30_000

// decode reads the envelope. A truncated body is KindUnavailable, any other malformed one KindCorrupt.
func decode(body []byte) (envelope, error) {
	var e envelope
	if n := bytes.Count(body, []byte{','}); n > maxValues {
		return e, corrupt("body", "Yahoo sent %d values, more than any ETF's history has", n)
	}
	err := json.Unmarshal(body, &e)
	var broken *json.SyntaxError
	if errors.As(err, &broken) {
		// Yahoo has sent Infinity and NaN, which JSON does not have.
		if fixed, changed := nullNonFinite(body); changed {
			e = envelope{}
			err = json.Unmarshal(fixed, &e)
		}
	}
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
		return e, nil
	case errors.As(err, &broken) && broken.Offset >= int64(len(body)):
		return e, etf.Wrap(etf.KindUnavailable, err, "Yahoo's response is truncated")
	case errors.As(err, &mistyped):
		return e, &etf.Error{Kind: etf.KindCorrupt, Field: mistyped.Field, Message: "Yahoo sent an unexpected " + mistyped.Value, Remedy: formatRemedy, Err: err}
	}
	return e, &etf.Error{Kind: etf.KindCorrupt, Field: "body", Message: "Yahoo's response is not valid JSON", Remedy: formatRemedy, Err: err}
}

// nullNonFinite replaces Infinity, -Infinity and NaN outside strings with null.
func nullNonFinite(body []byte) (fixed []byte, changed bool) {
	words := [][]byte{[]byte("-Infinity"), []byte("Infinity"), []byte("NaN")}
	fixed = make([]byte, 0, len(body))
	quoted := false
scan:
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case quoted && b == '\\' && i+1 < len(body):
			fixed = append(fixed, b)
			i++
		case b == '"':
			quoted = !quoted
		case !quoted && (b == '-' || b == 'I' || b == 'N'):
			for _, w := range words {
				if bytes.HasPrefix(body[i:], w) {
					fixed = append(fixed, "null"...)
					i += len(w) - 1
					changed = true
					continue scan
				}
			}
		}
		fixed = append(fixed, body[i])
	}
	return fixed, changed
}

// only returns the one chart in a response.
func (e envelope) only() (chart, error) {
	if len(e.Chart.Result) == 0 {
		return chart{}, corrupt("chart.result", "Yahoo sent neither a chart nor an error")
	}
	return e.Chart.Result[0], nil
}

// table holds the columns of a chart, each nil or as long as stamps.
type table struct {
	stamps                         []cell
	open, high, low, close, volume []cell
	adjClose                       []cell
}

// columns checks that the columns have the same length. A known symbol without a bar in the range has no stamps and an
// empty quote, which gives an empty table.
func (c chart) columns() (table, error) {
	t := table{stamps: c.Timestamp}
	if n := len(t.stamps); n > maxRows {
		return t, corrupt(root+".timestamp", "Yahoo sent %d rows, more than any ETF's history has", n)
	}
	path := root + ".indicators.quote[0]"
	if len(c.Indicators.Quote) > 0 {
		q := c.Indicators.Quote[0]
		t.open, t.high, t.low, t.close, t.volume = q.Open, q.High, q.Low, q.Close, q.Volume
	}
	prices := 0
	for _, col := range [][]cell{t.open, t.high, t.low, t.close} {
		if col != nil {
			prices++
		}
	}
	for _, col := range []struct {
		path     string
		values   []cell
		required bool
	}{
		// With none of the four, every row is simply without a price; with only some, the format is another one.
		{path + ".open", t.open, prices > 0},
		{path + ".high", t.high, prices > 0},
		{path + ".low", t.low, prices > 0},
		{path + ".close", t.close, prices > 0},
		{path + ".volume", t.volume, false},
		{root + ".indicators.adjclose[0].adjclose", c.adjClose(), false},
	} {
		if col.values == nil && (!col.required || len(t.stamps) == 0) {
			continue
		}
		if len(col.values) != len(t.stamps) {
			return t, corrupt(col.path, "Yahoo sent %d values for %d timestamps", len(col.values), len(t.stamps))
		}
	}
	t.adjClose = c.adjClose()
	return t, nil
}

func (c chart) adjClose() []cell {
	if len(c.Indicators.AdjClose) == 0 {
		return nil
	}
	return c.Indicators.AdjClose[0].AdjClose
}

func at(column []cell, i int) cell {
	if column == nil {
		return ""
	}
	return column[i]
}

// text shows row i as received, in at most etf.MaxDefectText bytes.
func (t table) text(i int) string {
	show := func(c cell) string {
		if c.null() {
			return "null"
		}
		return string(c)
	}
	return etf.Clip(fmt.Sprintf("timestamp=%s open=%s high=%s low=%s close=%s volume=%s", show(at(t.stamps, i)),
		show(at(t.open, i)), show(at(t.high, i)), show(at(t.low, i)), show(at(t.close, i)), show(at(t.volume, i))), etf.MaxDefectText)
}
