package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

func TestRenameETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "META", "QQQ")
	e := decode[gen.ETF](t, f.post("/v1/etfs/META/rename", `{"to":"METV","last":"2022-06-08","sources":[{"name":"file","ref":"METV.csv"}],"by":"kim"}`).want(t, http.StatusOK))
	if e.Symbol != "METV" || len(e.FormerSymbols) != 1 || e.FormerSymbols[0] != (gen.FormerSymbol{Symbol: "META", Last: etf.MustSession("2022-06-08")}) || e.Links.Self != "/v1/etfs/METV" {
		t.Errorf("%+v", e)
	}
	f.post("/v1/etfs/METV/rename", `{"to":"QQQ","last":"2022-06-09"}`).wantProblem(t, http.StatusConflict, "to")
	f.post("/v1/etfs/METV/rename", `{"to":"x","last":"2022-06-11"}`).wantProblem(t, http.StatusBadRequest, "to")
	f.post("/v1/etfs/METV/rename", `{"to":"X","last":"2022-06-11"}`).wantProblem(t, http.StatusBadRequest, "last") // a Saturday
	f.post("/v1/etfs/METV/rename", `{"to":"X","last":"2099-06-11"}`).wantProblem(t, http.StatusBadRequest, "last")
	f.post("/v1/etfs/METV/rename", `{"last":"2022-06-09"}`).wantProblem(t, http.StatusBadRequest, "to")
	f.post("/v1/etfs/METV/rename", `{"to":"X"}`).wantProblem(t, http.StatusBadRequest, "last")
	if r := f.post("/v1/etfs/METV/rename", `{"to":"X","last":""}`); !strings.Contains(string(r.body), "the last session under the old symbol is missing") {
		t.Errorf("without a date: %s", r.body)
	}
	f.post("/v1/etfs/XXX/rename", `{"to":"X","last":"2022-06-09"}`).wantProblem(t, http.StatusNotFound, "symbol")
}

// Two hundred ETFs in one request, three lines of which are bad at first.
func TestImportETFs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rows := func(bad bool) string {
		var b strings.Builder
		b.WriteString("symbol,exchange,isin,listed\n")
		for i := range 200 {
			symbol, exchange, isin, listed := fmt.Sprintf("A%03d", i), "XNYS", "", "2020-01-02"
			switch {
			case bad && i == 49:
				symbol, exchange = "69500", "XKRX"
			case bad && i == 99:
				isin = "US78462F1031"
			case bad && i == 149:
				listed = "2020-02-30"
			}
			fmt.Fprintf(&b, "%s,%s,%s,%s\n", symbol, exchange, isin, listed)
		}
		return b.String()
	}
	f.file("/v1/etfs/import?source=file", rows(true)).wantProblem(t, http.StatusBadRequest, "line 51, symbol", "line 101, isin", "line 151, listed")
	f.file("/v1/etfs/import?source=0.5", rows(false)).wantProblem(t, http.StatusBadRequest, "source")
	if len(f.store.etfs) != 0 {
		t.Errorf("%d are stored", len(f.store.etfs))
	}
	if r := f.send(http.MethodOptions, "/v1/etfs/import", ""); r.status != http.StatusNoContent || r.header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS: %d, Allow: %q", r.status, r.header.Get("Allow"))
	}
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodDelete} {
		r := f.send(method, "/v1/etfs/import", "")
		r.wantProblem(t, http.StatusMethodNotAllowed)
		if allow := r.header.Get("Allow"); allow != "OPTIONS, POST" {
			t.Errorf("%s: Allow: %q", method, allow)
		}
	}
	for _, c := range []struct {
		query              string
		created, unchanged int
	}{{"&dry_run=true", 200, 0}, {"", 200, 0}, {"&update=true", 0, 200}} {
		r := decode[gen.ImportReport](t, f.file("/v1/etfs/import?source=file"+c.query, rows(false)).want(t, http.StatusOK))
		if r.Created != c.created || r.Unchanged != c.unchanged || len(r.Items) != 200 || r.Items[199].Line != 201 || r.Items[199].Symbol != "A199" {
			t.Errorf("%s: %+v", c.query, r)
		}
	}
	f.file("/v1/etfs/import?update=yes", rows(false)).wantProblem(t, http.StatusBadRequest, "update")
	f.file("/v1/etfs/import?source=bloomberg", "symbol,exchange\nSPY,XNYS\n").wantProblem(t, http.StatusBadRequest, "source")
	f.post("/v1/etfs/import", `{}`).wantProblem(t, http.StatusUnsupportedMediaType, "Content-Type")
	f.file("/v1/etfs/import", "").wantProblem(t, http.StatusBadRequest, "body")
}
