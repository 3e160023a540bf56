package rebuild_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
	"github.com/etfcast/etfcast/source/file"
)

// TestRealFilesAreRebuilt stores real price files, the whole history at first and then session by session, with random decisions,
// and rebuilds them.
func TestRealFilesAreRebuilt(t *testing.T) {
	dir := filepath.Join(testenv.RealData.Value(t), "prices")
	source, err := file.New(file.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	// Among them are files with splits, distributions, unreadable rows, and rows that findings hold back; every other file passes, too.
	for i, name := range []string{
		"alphavantage/IWM.csv", "defects/4063-T-1d-bad-stock-split.csv", "defects/DODFX-1d-cg-double-count-fixed.csv",
		"defects/SOXS-1d-bad-level-shift.csv", "krx/152380_D.csv", "krx_nav/069500.csv",
	} {
		exchange := etf.XNYS
		if strings.HasPrefix(name, "krx") {
			exchange = etf.XKRX
		}
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			content, err := file.Parse(name, raw, time.Time{}, etf.Query{Exchange: exchange})
			if err != nil {
				t.Fatal(err)
			}
			// So named that the simulated market can be asked as a second source.
			p := newPipeline(t, uint64(i), etf.ETF{Symbol: etf.Symbol(fmt.Sprintf("SIMR%d", i)), Exchange: exchange, Currency: exchange.DefaultCurrency(),
				Sources: []etf.SourceRef{{Name: file.Name, Ref: name + "?last_line=complete"}}})
			p.source = source
			last := max(content.Bars[0].Session, content.Bars[len(content.Bars)-1].Session) // some files begin with the newest row
			sessions := p.cal.Sessions(etf.Window{From: last.AddDays(-20), To: last})
			for _, session := range sessions[max(0, len(sessions)-4):] {
				closed, err := p.cal.Close(session)
				if err != nil {
					t.Fatal(err)
				}
				p.clock.Store(closed.Add(time.Hour).UnixMicro())
				p.update(session, false)
				p.decide()
			}
			p.checkAll(t)
		})
	}
}
