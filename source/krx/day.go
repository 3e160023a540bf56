package krx

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// provider is what messages call the exchange.
const provider = "KRX"

// block is the list of rows in a response.
const block = "OutBlock_1"

// day is the parsed response of one day.
type day struct {
	session etf.Session
	rows    []row
	byCode  map[string][]int // positions in rows, by short code
	priced  int              // rows with a price: none on a day without trading, or before the figures are published
}

// row is the row of one ETF, as text. Empty means that the exchange sent no value ("-").
type row struct {
	code                                        string // short code
	open, high, low, close, volume, nav, shares string
}

// fields are those of a row that are read.
var fields = []struct {
	name string
	to   func(*row) *string
}{
	{"TDD_OPNPRC", func(r *row) *string { return &r.open }},
	{"TDD_HGPRC", func(r *row) *string { return &r.high }},
	{"TDD_LWPRC", func(r *row) *string { return &r.low }},
	{"TDD_CLSPRC", func(r *row) *string { return &r.close }},
	{"ACC_TRDVOL", func(r *row) *string { return &r.volume }},
	{"NAV", func(r *row) *string { return &r.nav }},
	{"LIST_SHRS", func(r *row) *string { return &r.shares }},
}

// maxRows bounds the rows of a response; the exchange lists some 1,100 ETFs.
const maxRows = 20_000

// parseDay reads the response for a day. Errors: KindUnavailable for a body that was cut off, KindCorrupt for another shape, with the field
// and the row.
func parseDay(body []byte, s etf.Session) (*day, error) {
	root, err := web.Decode(provider, body)
	if err != nil {
		return nil, err
	}
	return dayIn(root, s)
}

// dayIn is parseDay for a body that is decoded already.
func dayIn(root *web.Value, s etf.Session) (*day, error) {
	list, err := root.Field(block)
	if err != nil {
		return nil, err
	}
	elements, err := list.List()
	if err != nil {
		return nil, err
	}
	if len(elements) > maxRows {
		return nil, web.Corrupt(list.Place(), "%s sent %d rows for one day; the limit is %d", provider, len(elements), maxRows)
	}
	got := &day{session: s, rows: make([]row, 0, len(elements)), byCode: make(map[string][]int, len(elements))}
	date := s.Time().Format("20060102")
	for i, element := range elements {
		r, err := parseRow(element, date)
		if err != nil {
			return nil, err
		}
		if r.close != "" {
			got.priced++
		}
		got.byCode[r.code] = append(got.byCode[r.code], i)
		got.rows = append(got.rows, r)
	}
	return got, nil
}

func parseRow(v *web.Value, date string) (row, error) {
	var r row
	text := func(name string) (*web.Value, string, error) {
		f, err := v.Field(name)
		if err != nil || f.IsNull() {
			return f, "", err
		}
		t, err := f.Text()
		return f, strings.TrimSpace(t), err
	}
	f, of, err := text("BAS_DD")
	if err != nil {
		return r, err
	}
	if of != date {
		return r, web.Corrupt(f.Place(), "%s sent a row of %.20q instead of %s", provider, of, date)
	}
	f, code, err := text("ISU_CD")
	if err != nil {
		return r, err
	}
	if r.code = shortCode(code); r.code == "" {
		return r, web.Corrupt(f.Place(), "%.40q is neither a code of 6 characters nor an ISIN of Korea", code)
	}
	for _, f := range fields {
		if f.name == "LIST_SHRS" && v.Optional(f.name) == nil {
			continue // only evidence
		}
		if _, *f.to(&r), err = text(f.name); err != nil {
			return r, err
		}
		if *f.to(&r) == "-" {
			*f.to(&r) = ""
		}
	}
	return r, nil
}

var (
	codeForm = regexp.MustCompile(`^[0-9A-Z]{6}$`)
	isinForm = regexp.MustCompile(`^KR[0-9A-Z]{9}[0-9]$`)
	grouped  = regexp.MustCompile(`^-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
)

// shortCode returns the exchange's six-character code, which is part of the ISIN (KR7069500007: 069500); "" if it is neither.
func shortCode(code string) string {
	switch {
	case codeForm.MatchString(code):
		return code
	case isinForm.MatchString(code):
		return code[3:9]
	}
	return ""
}

// number removes the commas that group digits; other commas stay, and make the number unreadable.
func number(text string) string {
	if grouped.MatchString(text) {
		return strings.ReplaceAll(text, ",", "")
	}
	return text
}

// closed reports whether the session's figures could be published at the instant.
func closed(cal *calendar.Calendar, s etf.Session, at time.Time) bool {
	end, err := cal.Close(s)
	return err == nil && !at.Before(end.Add(etf.SettlesAfter(cal.Exchange())))
}

// finalAt is when the figures of a session don't change any more in the ordinary way: at 8:00 of the next day.
func finalAt(cal *calendar.Calendar, s etf.Session) time.Time {
	y, m, d := s.AddDays(1).Date()
	return time.Date(y, m, d, 8, 0, 0, 0, cal.Location())
}

// into adds the ETF's rows of the day to the response.
func (d *day) into(code string, r *etf.Response) {
	for _, i := range d.byCode[code] {
		from := d.rows[i]
		where := fmt.Sprintf("%s %s[%d]", d.session, block, i)
		bar, reason, missing := web.KoreanBar(d.session, number(from.open), number(from.high), number(from.low), number(from.close), number(from.volume))
		switch {
		case reason == "":
			r.Bars = append(r.Bars, bar)
		case from == (row{code: from.code, shares: from.shares}):
			// An ETF without any figure: a day without trading, or they are not published yet.
		default:
			r.Defects = append(r.Defects, etf.Defect{Where: where, Session: d.session, Text: from.text(), Reason: reason, NoPrice: missing})
		}
		d.worth(i, where, r)
	}
}

// worth adds the NAV and the number of shares that a row states.
func (d *day) worth(i int, where string, r *etf.Response) {
	from := d.rows[i]
	if from.nav == "" { // on a day without trading, the number of shares is the last one
		return
	}
	n := etf.NAV{Session: d.session, Shares: etf.VolumeUnknown}
	var err error
	if n.NAV, err = etf.ParsePrice(number(from.nav)); err != nil || n.NAV < 0 {
		n.NAV = 0
		r.Defects = append(r.Defects, etf.Defect{Where: where + ".NAV", Session: d.session, Text: from.text(), Reason: "not a number: NAV", Side: true})
	}
	if from.shares != "" {
		if v, err := etf.ParseVolume(number(from.shares)); err == nil && v > 0 {
			n.Shares = v
		}
	}
	if n.NAV > 0 || n.Shares.Known() {
		r.NAVs = append(r.NAVs, n)
	}
}

// text is the row for people.
func (r row) text() string {
	return etf.Clip(strings.Join([]string{r.code, r.open, r.high, r.low, r.close, r.volume, r.nav, r.shares}, "|"), etf.MaxDefectText)
}
