package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// findings puts findings about SPY into the store, with the newest first, and returns their IDs.
func (f *fixture) findings(n int) []string {
	f.register(etf.XNYS, "SPY")
	day := etf.MustSession("2025-09-25")
	f.store.bars["SPY"] = []etf.StoredBar{
		{Bar: etf.Bar{Session: day, Open: 5e8, High: 6e8, Low: 4e8, Close: 5e8, Volume: etf.VolumeUnknown}, Basis: etf.AsTraded, Source: "file", DataVersion: 1, KnownFrom: testNow},
		{Bar: etf.Bar{Session: day + 1, Open: 50e8, High: 60e8, Low: 40e8, Close: 50e8, Volume: etf.Shares(7)}, Basis: etf.AsTraded, Source: "file", Quarantined: true, DataVersion: 2, KnownFrom: testNow},
	}
	var ids []string
	for i := range n {
		id := fmt.Sprintf("%032x", 1000-i)
		ids = append(ids, id)
		f.store.findings = append(f.store.findings, etf.FindingRecord{
			Finding: etf.Finding{ID: id, Symbol: "SPY", Rule: "price_spike", Severity: etf.SeverityError, Sessions: []etf.Session{day + 1}, Evidence: "ten times", FoundAt: testNow},
			Rows:    []etf.FoundRow{{Session: day + 1, Row: &etf.Bar{Session: day + 1, Open: 50e8, High: 60e8, Low: 40e8, Close: 50e8, Volume: etf.VolumeUnknown}}},
		})
	}
	return ids
}

func TestListFindings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ids := f.findings(5)
	var got []string
	path := "/v1/findings?symbol=SPY&rule=price_spike&severity=error&state=undecided&from=2025-09-01&to=2025-09-30&limit=2"
	next := path
	for range 4 {
		page := decode[gen.FindingList](t, f.get(next).want(t, 200))
		for _, x := range page.Items {
			got = append(got, x.Id)
			if x.Remedy == "" || x.Decision != nil || x.Links.Self != "/v1/findings/"+x.Id || x.Links.Decision != x.Links.Self+"/decision" {
				t.Errorf("%+v", x)
			}
		}
		if page.NextCursor == nil {
			break
		}
		next = path + "&cursor=" + *page.NextCursor
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("pages %v, want %v", got, ids)
	}
	for exchange, want := range map[string]int{"XNYS": 5, "XKRX": 0} {
		if page := decode[gen.FindingList](t, f.get("/v1/findings?exchange="+exchange).want(t, 200)); len(page.Items) != want {
			t.Errorf("%s: %d findings, want %d: SPY trades on XNYS", exchange, len(page.Items), want)
		}
	}
	f.get(strings.Replace(next, "limit=2", "limit=2&exchange=XNYS", 1)).wantProblem(t, 400, "cursor") // it belongs to another list
	f.get("/v1/findings?symbol=spy&exchange=NYSE&rule=nothing&severity=fatal&state=open&from=x&to=y&limit=0&cursor=zz").
		wantProblem(t, 400, "symbol", "exchange", "rule", "severity", "state", "from", "to", "cursor", "limit")
	f.get(strings.Replace(next, "limit=2", "limit=3", 1)+"&rule=price_jump").wantProblem(t, 400, "rule")
	f.get("/v1/findings?as_of=2").wantProblem(t, 400, "as_of")
	f.get("/v1/findings?symbol=SPY&as_of=yesterday").wantProblem(t, 400, "as_of")
	if page := decode[gen.FindingList](t, f.get("/v1/findings?symbol=SPY&as_of=0").want(t, 200)); page.DataVersion == nil || *page.DataVersion != 0 {
		t.Errorf("%+v", page.DataVersion)
	}
}

func TestGetFinding(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.findings(1)[0]
	f.store.findings[0].Decision, f.store.findings[0].By, f.store.findings[0].Why = etf.Replace, "kim", "printed list"
	f.store.findings[0].Decisions = []etf.DecisionRecord{{
		Number: 1, InForce: true, Decision: etf.Replace, By: "kim", Why: "printed list", Values: []etf.Bar{{Session: 20000, Close: 5e8, Volume: etf.VolumeUnknown}}, At: testNow, DataVersion: 3, RowsChanged: 1,
	}}
	d := decode[gen.FindingDetail](t, f.get("/v1/findings/"+id).want(t, 200))
	if d.Finding.Decision == nil || *d.Finding.Decision != "replace" || len(d.Decisions) != 1 || len(d.Decisions[0].Values) != 1 || d.Decisions[0].Run != nil || d.Clipped {
		t.Errorf("%+v", d)
	}
	if len(d.Rows) != 2 || d.Rows[0].Named || d.Rows[0].Found != nil || d.Rows[0].Stored == nil || !d.Rows[1].Named || d.Rows[1].Found == nil || !d.Rows[1].Stored.Quarantined {
		t.Errorf("%+v", d.Rows)
	}
	f.get("/v1/findings/"+strings.Repeat("0", 32)).wantProblem(t, 404, "id")
	f.get("/v1/findings/SPY").wantProblem(t, 400, "id")
}

func TestDecideFinding(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/v1/findings/" + f.findings(1)[0] + "/decision"
	got := decode[gen.Finding](t, f.post(path, `{"decision":"accept","by":"Kim","why":"seen on two sources","key":"k1","values":null,"sessions":null}`).want(t, 200))
	if got.Decision == nil || *got.Decision != "accept" || *got.DecidedBy != "Kim" || f.temporal.decision.Key != "k1" {
		t.Errorf("%+v, sent %+v", got, f.temporal.decision)
	}
	f.post(path, `{"decision":"replace","by":"Kim","why":"printed list","values":[{"session":"2025-09-26","close":5.25,"open":5,"volume":12}]}`).want(t, 200)
	if v := f.temporal.decision.Values; len(v) != 1 || (v[0] != etf.Bar{Session: etf.MustSession("2025-09-26"), Open: 5e8, High: 5.25e8, Low: 5e8, Close: 5.25e8, Volume: etf.Shares(12)}) {
		t.Errorf("sent %+v", v)
	}
	f.post(path, `{"decision":"retract","by":"Kim","why":"never traded","sessions":["2025-09-26"]}`).want(t, 200)
	if s := f.temporal.decision.Sessions; len(s) != 1 || s[0] != etf.MustSession("2025-09-26") {
		t.Errorf("sent %+v", s)
	}
	f.temporal.slow = true
	a := f.post(path, `{"decision":"reject","by":"Kim","why":"bad tick"}`).want(t, 202)
	if a.header.Get("Location") != strings.TrimSuffix(path, "/decision") {
		t.Errorf("Location %q", a.header.Get("Location"))
	}
	f.temporal.slow = false

	f.store.findings[0].Decision, f.store.findings[0].By = etf.Accept, "Kim"
	f.store.findings[0].Decisions = []etf.DecisionRecord{{Number: 1, InForce: true, Decision: etf.Accept, By: "Kim", Key: "k1"}}
	f.post(path, `{"decision":"accept","by":"Lee","why":"me too"}`).want(t, 200) // a repeat
	f.post(path, `{"decision":"reject","by":"Lee","why":"no"}`).wantProblem(t, 409, "decision")
	f.post(path, `{"decision":"reject","by":"Lee","why":"no","key":"k1"}`).wantProblem(t, 409, "key")
	f.post(path, `{"decision":"undo","by":"Lee","why":"too soon"}`).want(t, 200)
}

func TestDecideFindingRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/v1/findings/" + f.findings(1)[0] + "/decision"
	for body, fields := range map[string]string{
		`{}`: "by decision why",
		`{"decision":"maybe","by":"Kim","why":"x"}`:                                                                       "decision",
		`{"decision":"superseded","by":"Kim","why":"x"}`:                                                                  "decision",
		`{"decision":"accept","by":" ","why":" "}`:                                                                        "by why",
		`{"decision":"accept","by":"Kim","why":"x","who":"me"}`:                                                           "who",
		`{"decision":"replace","by":"Kim","why":"x"}`:                                                                     "values",
		`{"decision":"replace","by":"Kim","why":"x","values":[{"session":"2025-09-26"}]}`:                                 "values[0].close",
		`{"decision":"replace","by":"Kim","why":"x","values":[{"session":"2025-09-26","close":"5"}]}`:                     "values[0].close",
		`{"decision":"replace","by":"Kim","why":"x","values":[{"session":"2025-09-26","close":1e40}]}`:                    "values[0].close",
		`{"decision":"replace","by":"Kim","why":"x","values":[{"session":"26.9.2025","close":5}]}`:                        "values[0].session",
		`{"decision":"replace","by":"Kim","why":"x","values":[{"session":"2025-09-26","close":5,"high":4}]}`:              "values.high",
		`{"decision":"retract","by":"Kim","why":"x","sessions":["tomorrow"]}`:                                             "sessions[0]",
		`{"decision":"accept","by":"Kim","why":"x","sessions":["2025-09-26"]}`:                                            "sessions",
		`{"decision":"accept","by":"Kim","why":"x","key":"` + strings.Repeat("k", 129) + `"}`:                             "key",
		`{"decision":"accept","by":"` + strings.Repeat("k", 101) + `","why":"` + strings.Repeat("x", 1001) + `","key":7}`: "key",
	} {
		f.post(path, body).wantProblem(t, 400, strings.Fields(fields)...)
	}
	f.post("/v1/findings/"+strings.Repeat("0", 32)+"/decision", `{"decision":"accept","by":"Kim","why":"x"}`).wantProblem(t, 404, "id")
	f.post("/v1/findings/x/decision", `{"decision":"accept","by":"Kim","why":"x"}`).wantProblem(t, 400, "id")
}
