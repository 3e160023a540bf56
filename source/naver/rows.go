package naver

import (
	"fmt"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/web"
)

// translate fills the response from the rows: the bars of the window that were final at q.AsOf, in the order they came in. newest is the
// newest session among all rows, in the window or not; zero if there is none.
func translate(rows []row, cal *calendar.Calendar, q etf.Query, r *etf.Response) (newest etf.Session, err error) {
	today := etf.SessionOf(q.AsOf.In(cal.Location()))
	window := q.Window
	if window.To.IsZero() {
		window.To = today
	}
	r.Bars = make([]etf.Bar, 0, len(rows))
	dated := 0
	for _, from := range rows {
		session, ok := sessionOf(from.date)
		if !ok {
			r.Defects = append(r.Defects, etf.Defect{Where: from.where, Text: from.text, Reason: fmt.Sprintf("%.20q is not a date (YYYYMMDD)", from.date)})
			continue
		}
		dated++
		newest = max(newest, session)
		if !window.Contains(session) || !final(cal, session, q.AsOf, today) {
			continue
		}
		bar, reason, missing := web.KoreanBar(session, from.open, from.high, from.low, from.close, from.volume)
		if reason == "" {
			r.Bars = append(r.Bars, bar)
			continue
		}
		if missing && !cal.IsSession(session) {
			continue // an empty row on a closed day means nothing
		}
		r.Defects = append(r.Defects, etf.Defect{Where: from.where, Session: session, Text: from.text, Reason: reason, NoPrice: missing})
	}
	if len(rows) > 0 && dated == 0 {
		return 0, web.Corrupt(rows[0].where, "no row has a date that can be read, such as %.40q", rows[0].date)
	}
	return newest, nil
}

// final reports whether the row of a session can't change any more in the ordinary way. A day that is not a session of the calendar is
// final the day after: whether it should have a row is for others to judge.
func final(cal *calendar.Calendar, s etf.Session, asOf time.Time, today etf.Session) bool {
	end, err := cal.Close(s)
	if err != nil {
		return s < today
	}
	return !asOf.Before(end.Add(etf.SettlesAfter(cal.Exchange())))
}

func sessionOf(date string) (etf.Session, bool) {
	t, err := time.Parse("20060102", date)
	if err != nil || len(date) != 8 || t.Year() < 1900 || t.Year() > 2200 {
		return 0, false
	}
	return etf.SessionOf(t), true
}
