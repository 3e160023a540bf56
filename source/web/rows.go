package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
)

// Window is the query's window without sessions that had not closed and settled at q.AsOf; it may be empty (To before From). Errors
// are of KindInvalid.
func Window(cal *calendar.Calendar, q etf.Query) (etf.Window, error) {
	if err := source.CheckWindow(q.Window); err != nil {
		return etf.Window{}, err
	}
	if !q.AsOf.IsZero() {
		q.AsOf = q.AsOf.Add(-etf.SettlesAfter(cal.Exchange()))
	}
	return source.ClosedWindow(cal, q)
}

// Prepare returns the calendar of the query's exchange, which the source must have ETFs of, and the query's Window. Errors are of KindInvalid.
func Prepare(provider, name string, q etf.Query) (*calendar.Calendar, etf.Window, error) {
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return nil, etf.Window{}, err
	}
	if err := Has(provider, etf.Source(name), q.Exchange); err != nil {
		return nil, etf.Window{}, err
	}
	window, err := Window(cal, q)
	return cal, window, err
}

// Row is a row as a provider sent it. Numbers are their text; "" stands for a missing one.
type Row struct {
	Where, Show                              func() string // its place, and the row, for a defect
	Date                                     string        // YYYY-MM-DD
	Open, High, Low, Close, AdjClose, Volume string
}

// Rows collects the rows of a response.
type Rows struct {
	provider string
	cal      *calendar.Calendar
	window   etf.Window
	bars     []etf.Bar
	defects  []etf.Defect
	added    int
	undated  int
	dateAt   string      // the place of the first date that could not be read
	volume   *etf.Defect // the first volume that could not be read
	volumes  int
}

// NewRows collects those within the window (see Window).
func NewRows(provider string, cal *calendar.Calendar, window etf.Window) *Rows {
	return &Rows{provider: provider, cal: cal, window: window}
}

// Add reads one row: into a bar, into a defect, or into nothing if it is outside the window or has no price on a day without a
// session. in says that its date is within the window, so that what it states besides prices counts.
func (r *Rows) Add(row Row) (session etf.Session, in bool) {
	r.added++
	session, err := etf.ParseSession(row.Date)
	if err != nil {
		if r.undated++; r.undated == 1 {
			r.dateAt = row.Where()
		}
		r.defect(row, 0, "the date is not one of the form YYYY-MM-DD", false)
		return 0, false
	}
	if !r.window.Contains(session) {
		return session, false
	}
	bar := etf.Bar{Session: session, Volume: etf.VolumeUnknown}
	absent, wrong := prices(&bar, row.Open, row.High, row.Low, row.Close)
	if reason, missing := unusable(absent, wrong); reason != "" {
		if len(absent) < 4 || r.cal.IsSession(session) { // an empty row on a closed day means nothing
			r.defect(row, session, reason, missing)
		}
		return session, true
	}
	if row.Volume != "" {
		if v, err := etf.ParseVolume(row.Volume); err == nil {
			bar.Volume = v
		} else if r.volumes++; r.volumes == 1 {
			r.volume = &etf.Defect{Where: row.Where(), Session: session, Text: etf.Clip(row.Show(), etf.MaxDefectText), Side: true}
		}
	}
	if p, err := etf.ParsePrice(row.AdjClose); err == nil && p > 0 { // only evidence, so a bad one is dropped
		bar.AdjClose = p
	}
	r.bars = append(r.bars, bar)
	return session, true
}

// prices reads the four prices into the bar, and returns the names of those that are missing, and of those that are not numbers.
func prices(b *etf.Bar, open, high, low, closing string) (absent, wrong []string) {
	for _, f := range []struct {
		name, text string
		to         *etf.Price
	}{{"open", open, &b.Open}, {"high", high, &b.High}, {"low", low, &b.Low}, {"close", closing, &b.Close}} {
		p, err := etf.ParsePrice(f.text)
		switch {
		case f.text == "":
			absent = append(absent, f.name)
		case err != nil:
			wrong = append(wrong, f.name)
		default:
			*f.to = p
		}
	}
	return absent, wrong
}

// unusable says why a row has no bar, "" if it has one; missing is true if prices are missing and nothing else is wrong.
func unusable(absent, wrong []string) (reason string, missing bool) {
	switch {
	case len(wrong) > 0:
		return "not a number: " + strings.Join(wrong, ", "), false
	case len(absent) == 4:
		return "no price", true
	case len(absent) > 0:
		return "no price: " + strings.Join(absent, ", "), true
	}
	return "", false
}

// KoreanBar reads a row of the Korea Exchange's prices. reason says why it has no bar, "" if it has one; missing is true if prices are
// missing and nothing else is wrong. A row of zeros has no price either: a session without a trade carries the close over.
func KoreanBar(s etf.Session, open, high, low, closing, volume string) (b etf.Bar, reason string, missing bool) {
	b = etf.Bar{Session: s, Volume: etf.VolumeUnknown}
	absent, wrong := prices(&b, open, high, low, closing)
	if volume != "" {
		v, err := etf.ParseVolume(volume)
		if err != nil {
			wrong = append(wrong, "volume")
		}
		b.Volume = v
	}
	if reason, missing = unusable(absent, wrong); reason == "" && b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close == 0 {
		return b, "no price: all four are 0", true
	}
	return b, reason, missing
}

func (r *Rows) defect(row Row, s etf.Session, reason string, missing bool) {
	r.defects = append(r.defects, etf.Defect{Where: row.Where(), Session: s, Text: etf.Clip(row.Show(), etf.MaxDefectText), Reason: reason, NoPrice: missing})
}

// Into puts the bars and defects into the response: bars oldest first if the provider sent them newest first, and otherwise in its
// order. Errors are of KindCorrupt: no row has a readable date.
func (r *Rows) Into(response *etf.Response) error {
	if r.added > 0 && r.undated == r.added {
		return Corrupt(r.dateAt, "%s sent no row with a date of the form YYYY-MM-DD", r.provider)
	}
	if r.volume != nil {
		r.volume.Reason = fmt.Sprintf("not a number: volume, in %d rows; it is left out", r.volumes)
		r.defects = append(r.defects, *r.volume)
	}
	if newestFirst(r.bars) {
		slices.Reverse(r.bars)
	}
	response.Bars, response.Defects = r.bars, append(r.defects, response.Defects...)
	return nil
}

// newestFirst reports whether the order is consistent, and from the newest row to the oldest.
func newestFirst(bars []etf.Bar) bool {
	for i := 1; i < len(bars); i++ {
		if bars[i].Session > bars[i-1].Session {
			return false
		}
	}
	return len(bars) > 1 && bars[0].Session > bars[len(bars)-1].Session
}

// Has returns an error of KindInvalid if the source has no ETFs of the exchange.
func Has(provider string, traits etf.SourceTraits, x etf.Exchange) error {
	if traits.Has(x) {
		return nil
	}
	names := make([]string, len(traits.Exchanges))
	for i, e := range traits.Exchanges {
		names[i] = string(e)
	}
	return etf.Invalid("exchange", fmt.Sprintf("%s has no ETFs of %s, only of %s", provider, x, strings.Join(names, ", ")), "use another source for this ETF: `etfcast etf edit`")
}
