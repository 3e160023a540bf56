package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const (
	csvHeader    = "session,open,high,low,close,adj_close,volume,basis,source,quarantined,data_version,known_from,held,provisional"
	csvNAVHeader = ",nav,shares,premium"
)

// csvChunk is how many bytes are buffered before they are sent.
const csvChunk = 64 << 10

// barsCSV responds with bars as CSV, sent as they are read: its memory use does not depend on their number.
type barsCSV struct {
	ctx     context.Context // the generated interface passes none to the response
	bars    *service.Service
	query   service.BarQuery // with a limit of 0, all bars are sent
	version int64
	etag    string
}

// VisitListBarsResponse implements gen.ListBarsResponseObject. Nothing is sent before the first chunk is full, so an
// error up to that point still becomes a problem document.
func (b barsCSV) VisitListBarsResponse(w http.ResponseWriter) error {
	sender := http.NewResponseController(w)
	buf := append(make([]byte, 0, csvChunk+1024), csvHeader...)
	if b.query.NAV {
		buf = append(buf, csvNAVHeader...)
	}
	buf = append(buf, '\n')
	started := false
	send := func() error {
		if !started {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			w.Header().Set("ETag", b.etag)
			w.Header().Set("Data-Version", strconv.FormatInt(b.version, 10))
			w.WriteHeader(http.StatusOK)
			started = true
		}
		// A slow client has a minute for each chunk, not for the whole response. Test recorders support no deadlines.
		if err := sender.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		_, err := w.Write(buf)
		buf = buf[:0]
		return err
	}
	err := b.bars.EachBar(b.ctx, b.query, func(bar service.BarRow) error {
		buf = appendCSV(buf, bar, b.query.NAV)
		if len(buf) >= csvChunk {
			return send()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send()
}

// appendCSV appends one line. No field can contain a comma, a quote or a line break: they are numbers, dates and names.
func appendCSV(buf []byte, b service.BarRow, nav bool) []byte {
	add := func(text string) { buf = append(append(buf, text...), ',') }
	add(b.Session.String())
	for _, p := range []etf.Price{b.Open, b.High, b.Low, b.Close} {
		add(p.String())
	}
	if b.AdjClose != 0 {
		buf = append(buf, b.AdjClose.String()...)
	}
	buf = append(buf, ',')
	add(b.Volume.String())
	add(string(b.Basis))
	add(b.Source)
	add(strconv.FormatBool(b.Quarantined))
	add(strconv.FormatInt(b.DataVersion, 10))
	buf = append(b.KnownFrom.UTC().AppendFormat(buf, time.RFC3339Nano), ',')
	add(strconv.FormatBool(b.Held))
	buf = strconv.AppendBool(buf, b.Provisional)
	if nav {
		buf = append(buf, ',')
		if b.NAV.NAV != 0 {
			buf = append(buf, b.NAV.NAV.String()...)
		}
		buf = append(buf, ',')
		if !b.NAV.Session.IsZero() {
			buf = append(buf, b.NAV.Shares.String()...)
		}
		buf = append(buf, ',')
		if b.Premium != nil {
			buf = strconv.AppendFloat(buf, *b.Premium, 'g', -1, 64)
		}
	}
	return append(buf, '\n')
}
