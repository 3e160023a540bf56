package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func (f *fakeStore) History(context.Context, etf.Symbol, etf.Session, int) (etf.History, error) {
	return etf.History{}, etf.NotFound("session", "no bars", "")
}

func (f *fakeStore) AppendEntries(_ context.Context, list []etf.Forecast, complete func(*etf.Forecast) error) ([]etf.Forecast, error) {
	defer f.locked()()
	if f.err != nil {
		return nil, f.err
	}
	var repeated []error
	for i := range list {
		e := &list[i]
		if err := complete(e); err != nil {
			return nil, err
		}
		e.Chain, e.Hash = 1, strings.Repeat("0a", 32)
		for _, old := range f.forecasts {
			if old.Symbol != e.Symbol || old.Model != e.Model {
				continue
			}
			if e.Chain++; old.Origin == e.Origin {
				repeated = append(repeated, &etf.Error{Kind: etf.KindConflict, Field: fmt.Sprintf("entries[%d].origin", i), Message: "entered already: " + old.ID, Remedy: "leave it out"})
			}
		}
	}
	if repeated != nil {
		return nil, errors.Join(repeated...)
	}
	f.forecasts = append(f.forecasts, list...)
	return list, nil
}

func (f *fakeStore) Entries(_ context.Context, model string, symbol etf.Symbol, after etf.EntryPosition, limit int) (page []etf.Forecast, err error) {
	defer f.locked()()
	for _, e := range f.forecasts {
		if e.Model == model && (symbol == "" || e.Symbol == symbol) && (e.Symbol > after.Symbol || e.Symbol == after.Symbol && e.Chain > after.Chain) && len(page) < limit {
			page = append(page, e)
		}
	}
	if page == nil && f.err == nil {
		return nil, etf.NotFound("model", "nobody", "enter one")
	}
	return page, f.err
}

// quantilesJSON are the quantiles around 100 at all levels.
const quantilesJSON = `{"0.05":97,"0.1":98,"0.25":99,"0.5":100,"0.75":101,"0.9":102,"0.95":103}`

const entriesHead = "origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value\n"

// entryRows are the lines of one horizon.
func entryRows(symbol, origin string, horizon int) string {
	var b strings.Builder
	for i, level := range []string{"0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"} {
		fmt.Fprintf(&b, "%s,%d,close,,%s,quantile,%s,%d\n", origin, horizon, symbol, level, 97+i)
	}
	return b.String()
}

var asCSV = header("Content-Type", "text/csv; charset=utf-8")

func TestEntries(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ", "IWM")
	f.register(etf.XKRX, "069500")

	// A list.
	a := f.post("/v1/entries", `{"model":"naive","entries":[
		{"symbol":"SPY","origin":"2025-09-26","points":[{"horizon":5,"target":"2025-10-03","mean":100.5,"quantiles":`+quantilesJSON+`},{"horizon":1,"quantiles":`+quantilesJSON+`}]},
		{"symbol":"069500","origin":"2025-09-26","horizons":{"1":`+quantilesJSON+`,"21":`+quantilesJSON+`}}]}`).want(t, http.StatusCreated)
	r := decode[gen.EntryReceipt](t, a)
	if r.Model != "naive" || len(r.Items) != 2 || r.Checkpoint != nil || r.NotAnchored == nil || !strings.Contains(*r.NotAnchored, "next daily run") {
		t.Fatalf("receipt %s", a.body)
	}
	e := r.Items[0]
	if e.Symbol != "SPY" || e.Exchange != etf.XNYS || e.Origin != etf.MustSession("2025-09-26") || e.Standing != "record" || e.Deadline.Format("2006-01-02T15:04:05Z07:00") != "2025-09-29T13:30:00Z" ||
		!e.IssuedAt.Equal(testNow) || !slices.Equal(e.Horizons, []int{1, 5}) || e.Chain.Position != 1 || len(e.Id) != 32 {
		t.Errorf("entry %+v", e)
	}
	if got := r.Items[1]; got.Exchange != etf.XKRX || !slices.Equal(got.Horizons, []int{1, 21}) {
		t.Errorf("entry by horizons %+v", got)
	}

	// It can be read by its ID, and is never served.
	read := decode[gen.Forecast](t, f.get("/v1/forecasts/"+e.Id).want(t, http.StatusOK))
	if read.CodeVersion != "entry" || read.Run != "entry:"+e.Id || len(read.Points) != 2 || read.Points[0].Mean != 100 || read.Points[1].Mean != 100.5 || read.Provisional {
		t.Errorf("forecast %+v", read)
	}
	f.get("/v1/etfs/SPY/forecasts/latest?model=naive").wantProblem(t, http.StatusNotFound, "model")
	f.get("/v1/forecasts/"+e.Id+"/fit").wantProblem(t, http.StatusNotFound, "id")

	// One at the request's own level, in time though late would be allowed; then CSV, in both ways to name the model.
	r = decode[gen.EntryReceipt](t, f.post("/v1/entries", `{"model":"naive","late":true,"symbol":"QQQ","origin":"2025-09-26","points":[{"horizon":21,"quantiles":`+quantilesJSON+`}]}`).want(t, http.StatusCreated))
	if r.Items[0].Standing != "record" {
		t.Errorf("%+v", r.Items[0])
	}
	r = decode[gen.EntryReceipt](t, f.send("POST", "/v1/entries?model=naive", entriesHead+entryRows("IWM", "2025-09-26", 1)+entryRows("IWM", "2025-09-26", 5), asCSV).want(t, http.StatusCreated))
	if len(r.Items) != 1 || !slices.Equal(r.Items[0].Horizons, []int{1, 5}) {
		t.Errorf("CSV: %+v", r)
	}
	withName := "model_id," + entriesHead + "other," + strings.TrimSuffix(strings.ReplaceAll(entryRows("IWM", "2025-09-26", 1), "\n", "\nother,"), "other,")
	if r = decode[gen.EntryReceipt](t, f.send("POST", "/v1/entries", withName, asCSV).want(t, http.StatusCreated)); r.Model != "other" {
		t.Errorf("CSV with a name: %+v", r)
	}

	// Late ones only if asked for.
	old := entriesHead + entryRows("SPY", "2025-09-25", 1)
	f.send("POST", "/v1/entries?model=naive", old, asCSV).wantProblem(t, http.StatusBadRequest, "entries[0].origin")
	r = decode[gen.EntryReceipt](t, f.send("POST", "/v1/entries?model=naive&late=true", old, asCSV).want(t, http.StatusCreated))
	if r.Items[0].Standing != "late" || r.Items[0].Chain.Position != 2 {
		t.Errorf("late: %+v", r.Items[0])
	}

	// Twice: the first stands.
	stored := len(f.store.forecasts)
	p := f.post("/v1/entries", `{"model":"naive","symbol":"SPY","origin":"2025-09-26","points":[{"horizon":1,"quantiles":`+quantilesJSON+`}]}`).wantProblem(t, http.StatusConflict, "origin")
	if !strings.Contains(p.Detail, e.Id) {
		t.Errorf("%q does not name the first entry %s", p.Detail, e.Id)
	}
	f.send("POST", "/v1/entries?model=naive", entriesHead+entryRows("SPY", "2025-09-26", 1), asCSV).wantProblem(t, http.StatusConflict, "entries[0].origin")
	if len(f.store.forecasts) != stored {
		t.Error("a repeated entry was stored")
	}

	// The list.
	slices.SortFunc(f.store.forecasts, func(a, b etf.Forecast) int { return strings.Compare(string(a.Symbol), string(b.Symbol)) })
	var ids []string
	for path := "/v1/entries?model=naive&limit=2"; path != ""; {
		page := decode[gen.EntryList](t, f.get(path).want(t, http.StatusOK))
		for _, e := range page.Items {
			ids = append(ids, string(e.Symbol)+" "+e.Origin.String()+" "+e.Standing)
		}
		if path = ""; page.NextCursor != nil {
			path = "/v1/entries?model=naive&limit=2&cursor=" + *page.NextCursor
		}
	}
	want := []string{"069500 2025-09-26 record", "IWM 2025-09-26 record", "QQQ 2025-09-26 record", "SPY 2025-09-26 record", "SPY 2025-09-25 late"}
	if !slices.Equal(ids, want) {
		t.Errorf("list %q, want %q", ids, want)
	}
	if page := decode[gen.EntryList](t, f.get("/v1/entries?model=naive&symbol=SPY").want(t, http.StatusOK)); len(page.Items) != 2 || page.NextCursor != nil {
		t.Errorf("entries of SPY: %+v", page)
	}
	f.get("/v1/entries?model=nobody").wantProblem(t, http.StatusNotFound, "model")
	f.get("/v1/entries?model=Nobody&limit=5").wantProblem(t, http.StatusBadRequest, "model")
	f.get("/v1/entries?model=naive&cursor=x&limit=0").wantProblem(t, http.StatusBadRequest, "cursor", "limit")
	f.get("/v1/entries?model=naive&cursor="+*encodeCursor([]string{"entries", "naive", ""}, "spy 0")).wantProblem(t, http.StatusBadRequest, "cursor")
}

func TestEntriesAnchored(t *testing.T) {
	t.Parallel()
	store := newFakeStore()
	store.etfs["SPY"] = etf.ETF{Symbol: "SPY", Exchange: etf.XNYS}
	s := &server{Service: service.New(service.Deps{
		Store: store, Now: newFixture(t).clock, Anchors: anchor{}, CheckpointNote: func(string, int64, [32]byte) (string, bool, error) { return "note", true, nil },
	})}
	body, err := ReadEntries([]byte(`{"model":"naive","symbol":"SPY","origin":"2025-09-26","horizons":{"1":`+quantilesJSON+`}}`), "application/json", "naive")
	if err != nil || !body.Inline {
		t.Fatalf("%+v, %v", body, err)
	}
	var json gen.NewEntries
	if err := decodeStrict([]byte(`{"model":"naive","symbol":"SPY","origin":"2025-09-26","horizons":{"1":`+quantilesJSON+`}}`), &json); err != nil {
		t.Fatal(err)
	}
	out, err := s.CreateEntries(t.Context(), gen.CreateEntriesRequestObject{JSONBody: &json})
	if err != nil {
		t.Fatal(err)
	}
	r, ok := out.(gen.CreateEntries201JSONResponse)
	if !ok || r.NotAnchored != nil || r.Checkpoint == nil || r.Checkpoint.Size != 3 || r.Checkpoint.Note != "note" || !r.Checkpoint.Signed {
		t.Errorf("%+v", out)
	}
	if _, err := ReadEntries([]byte(`{"model":"naive"}`), "application/json", "other"); etf.Errors(err)[0].Field != "model" {
		t.Errorf("another model: %v", err)
	}
	if r, err := ReadEntries([]byte(entriesHead+entryRows("SPY", "2025-09-26", 1)), "text/csv", "mine"); err != nil || r.Model != "mine" || len(r.Entries) != 1 {
		t.Errorf("CSV: %+v, %v", r, err)
	}
}

// anchor is a ledger with three leaves.
type anchor struct{}

func (anchor) Anchor(_ context.Context, _ etf.AnchorScope, note etf.CheckpointNote) (etf.Anchored, error) {
	text, signed, err := note("test", 3, [32]byte{})
	return etf.Anchored{Leaves: 1, Checkpoint: etf.Checkpoint{Size: 3, Note: text, Signed: signed}}, err
}

func TestEntriesBadBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	one := func(quantiles string) string {
		return `{"model":"naive","entries":[{"symbol":"SPY","origin":"2025-09-26","points":[{"horizon":1,"quantiles":` + quantiles + `}]}]}`
	}
	const q = "entries[0].points[0].quantiles"
	for _, c := range []struct {
		name, path, body, media string
		status                  int
		fields                  []string
	}{
		{"NaN", "", one(strings.Replace(quantilesJSON, "100", "NaN", 1)), "", 400, []string{q + ".0.5"}},
		{"Infinity", "", one(strings.Replace(quantilesJSON, "103", "-Infinity", 1)), "", 400, []string{q + ".0.95"}},
		{"too large for a float", "", one(strings.Replace(quantilesJSON, "103", "1e999", 1)), "", 400, []string{q + ".0.95"}},
		{"text for a number", "", one(strings.Replace(quantilesJSON, "103", `"103"`, 1)), "", 400, []string{q + ".0.95"}},
		{"null for a number", "", one(strings.Replace(quantilesJSON, "103", `null`, 1)), "", 400, []string{q + ".0.95"}},
		{"a level twice", "", one(strings.Replace(quantilesJSON, `"0.95"`, `"0.9"`, 1)), "", 400, []string{q + ".0.9"}},
		{"crossed", "", one(strings.Replace(quantilesJSON, "103", "101.5", 1)), "", 400, []string{q + ".0.95"}},
		{"a list for an object", "", one(`[97,98]`), "", 400, []string{q}},
		{"half a horizon", "", strings.Replace(one(quantilesJSON), `"horizon":1`, `"horizon":1.5`, 1), "", 400, []string{"entries[0].points[0].horizon"}},
		{"unknown fields", "", `{"model":"naive","entries":[{"symbol":"SPY","origin":"2025-09-26","pints":[]}],"colour":1}`, "", 400, []string{"entries[0].pints", "colour"}},
		{"no entries", "", `{"model":"naive"}`, "", 400, []string{"entries"}},
		{"an empty list", "", `{"model":"naive","entries":[]}`, "", 400, []string{"entries"}},
		{"a list and a single one", "", `{"model":"naive","entries":[],"symbol":"SPY"}`, "", 400, []string{"entries"}},
		{"points and horizons", "", `{"model":"naive","symbol":"SPY","origin":"2025-09-26","points":[],"horizons":{}}`, "", 400, []string{"horizons"}},
		{"a horizon that is no number", "", `{"model":"naive","entries":[{"symbol":"SPY","origin":"2025-09-26","horizons":{"01":` + quantilesJSON + `}}]}`, "", 400, []string{"entries[0].horizons.01"}},
		{"half of a single one", "", `{"model":"naive","symbol":"SPY"}`, "", 400, []string{"origin", "points"}},
		{"a parameter with JSON", "?late=true", one(quantilesJSON), "", 400, []string{"late"}},
		{"neither true nor false", "?model=naive&late=yes", entriesHead, "text/csv", 400, []string{"late"}},
		{"another media type", "", one(quantilesJSON), "text/yaml", 415, []string{"Content-Type"}},
		{"like JSON", "", one(quantilesJSON), "application/jsonlines", 415, []string{"Content-Type"}},
		{"CSV without a model", "", entriesHead + entryRows("SPY", "2025-09-26", 1), "text/csv", 400, []string{"model"}},
		{"CSV without entries", "?model=naive", entriesHead, "text/csv", 400, []string{"entries"}},
		{"a line that is not CSV", "?model=naive", entriesHead + "2025-09-26\n", "text/csv", 400, []string{"line 2"}},
		{"too large", "?model=naive", entriesHead + strings.Repeat(entryRows("SPY", "2025-09-26", 1), 4000), "text/csv", 413, []string{"body"}},
		{"the name of a model", "", strings.Replace(one(quantilesJSON), "naive", "prophet", 1), "", 400, []string{"model"}},
	} {
		media := c.media
		if media == "" {
			media = "application/json"
		}
		a := f.send("POST", "/v1/entries"+c.path, c.body, header("Content-Type", media))
		if a.status != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, a.status, c.status, a.body)
			continue
		}
		p := decode[gen.Problem](t, a)
		var got []string
		if p.Errors != nil {
			for _, e := range *p.Errors {
				got = append(got, e.Field)
				if e.Remedy == nil || *e.Remedy == "" {
					t.Errorf("%s: no remedy for %s", c.name, e.Field)
				}
			}
		}
		if !slices.Equal(got, c.fields) {
			t.Errorf("%s: fields %q, want %q: %s", c.name, got, c.fields, a.body)
		}
	}
	if len(f.store.forecasts) > 0 {
		t.Errorf("something was stored: %+v", f.store.forecasts)
	}
}

// Non-numbers are quoted only where a value stands, and nothing else is changed.
func TestQuoteNonNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":NaN}`:                          `{"a":"NaN"}`,
		`[-Infinity,Infinity , 1]`:           `["-Infinity","Infinity" , 1]`,
		`{"NaN":"Infinity"}`:                 `{"NaN":"Infinity"}`,
		`{"a":"quote \" NaN","b":NaN}`:       `{"a":"quote \" NaN","b":"NaN"}`,
		`{"a":"backslash \\","b":-Infinity}`: `{"a":"backslash \\","b":"-Infinity"}`,
		`{"a":1}`:                            `{"a":1}`,
		`"`:                                  `"`,
		`"\`:                                 `"\`,
		``:                                   ``,
	} {
		if got := string(quoteNonNumbers([]byte(in))); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}
