package api

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// prices is a file of n sessions up to 2025-09-26: a random walk, always the same.
func prices(t testing.TB, n int, edit func(i int, line string) string) string {
	t.Helper()
	var days []etf.Session
	for day := etf.MustSession("2025-09-26"); len(days) < n; day = day.AddDays(-1) {
		switch day.String() {
		case "2025-09-01", "2025-07-04", "2025-06-19", "2025-05-26": // holidays
			continue
		}
		if weekday := day.Time().Weekday(); weekday != time.Saturday && weekday != time.Sunday {
			days = append(days, day)
		}
	}
	slices.Reverse(days)
	random := rand.New(rand.NewPCG(1, 2))
	text := "Date,Open,High,Low,Close,Volume\n"
	last := 100.0
	for i, day := range days {
		open := last * (1 + .002*random.NormFloat64())
		last = open * (1 + .01*random.NormFloat64())
		high, low := max(open, last)*(1+.003*random.Float64()), min(open, last)*(1-.003*random.Float64())
		line := fmt.Sprintf("%s,%.2f,%.2f,%.2f,%.2f,%d", day, open, high, low, last, 1_000_000+random.IntN(500_000))
		if edit != nil {
			line = edit(i, line)
		}
		text += line + "\n"
	}
	return text
}

func (f *fixture) file(path, body string, options ...option) response {
	f.t.Helper()
	return f.send(http.MethodPost, path, body, append([]option{header("Content-Type", "text/csv")}, options...)...)
}

func TestCheckFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good := prices(t, 40, nil)
	got := decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS&symbol=SPY", good).want(t, 200))
	if !got.Ok || got.Rows != 40 || len(got.Bars) != 40 || got.To.String() != "2025-09-26" || got.Session.String() != "2025-09-26" || *got.Exchange != "XNYS" || got.Currency != nil {
		t.Errorf("a good file: ok %v, %d rows, to %v, %d bars, findings %+v", got.Ok, got.Rows, got.To, len(got.Bars), got.Findings)
	}
	if last := got.Bars[39]; last.Session != *got.To || !strings.Contains(good, last.Close.String()) {
		t.Errorf("the last bar is %+v", last)
	}

	// High below low in one row, and a row that can't be read.
	bad := prices(t, 40, func(i int, line string) string {
		switch i {
		case 20:
			cells := strings.Split(line, ",")
			cells[2], cells[3] = cells[3], cells[2]
			return strings.Join(cells, ",")
		case 30:
			return strings.Replace(line, ",1", ",x1", 1)
		}
		return line
	})
	got = decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS&symbol=SPY", bad).want(t, 200))
	byRule := map[string]gen.FileFinding{}
	for _, one := range got.Findings {
		byRule[one.Rule] = one
	}
	if x := byRule["ohlc_order"]; got.Ok || x.Severity != "error" || x.Count != 1 || len(x.Sessions) != 1 || x.Sessions[0] != *x.From || x.Remedy == nil || *x.From != got.Bars[20].Session {
		t.Errorf("%+v", x)
	}
	// Line 32: the header is line 1, and the 31st row is on line 32.
	if x := byRule["unreadable_row"]; x.Line == nil || *x.Line != 32 {
		t.Errorf("%+v", x)
	}
	if len(f.store.etfs) != 0 || len(f.store.bars) != 0 {
		t.Error("something was stored")
	}

	// A split that the file does not state is proposed.
	split := prices(t, 60, func(i int, line string) string {
		if i >= 35 {
			cells := strings.Split(line, ",")
			for k := 1; k < 5; k++ {
				var price float64
				fmt.Sscan(cells[k], &price)
				cells[k] = fmt.Sprintf("%.2f", price/2)
			}
			return strings.Join(cells, ",")
		}
		return line
	})
	got = decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS", split).want(t, 200))
	found := false
	for _, one := range got.Findings {
		found = found || one.Proposal != nil && one.Proposal.Kind == "split" && *one.Proposal.Ratio == "2:1" && one.Proposal.Ex == got.Bars[35].Session
	}
	if !found {
		t.Errorf("no proposal of a split: %+v", got.Findings)
	}
	// Options are those of the file source.
	got = decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS&options=basis%3Das_traded%26currency%3DUSD&session=2025-09-25", good).want(t, 200))
	if got.Basis == nil || *got.Basis != "as_traded" || got.Currency == nil || *got.Currency != "USD" || got.Rows != 39 {
		t.Errorf("with options: %v %v, %d rows", got.Basis, got.Currency, got.Rows)
	}
}

// A file that can't be read is a finding; a request that makes no sense is a problem.
func TestCheckFileRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, body := range []string{"", "\n", "no,prices,here\n1,2,3\n", "\x00\x01\x02", "Date,Open,High,Low,Close\n" + strings.Repeat("x,y\n", 10)} {
		got := decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS&symbol=SPY", body).want(t, 200))
		if got.Ok || got.Rows != 0 || len(got.Findings) == 0 || got.Findings[0].Rule != "unreadable_file" || got.Findings[0].Severity != "error" || got.From != nil {
			t.Errorf("%q: %+v", body, got)
		}
	}
	f.file("/v1/check", "x").wantProblem(t, 400, "exchange")
	f.file("/v1/check?exchange=XXXX&symbol=spy&session=x&options=a%3Fb", "x").wantProblem(t, 400, "exchange", "symbol", "session", "options")
	f.file("/v1/check?exchange=XNYS&session=2025-09-27", "x").wantProblem(t, 400, "session") // a Saturday
	f.file("/v1/check?exchange=XNYS&options=nonsense%3D1", prices(t, 5, nil)).wantProblem(t, 400, "options")
	f.send(http.MethodPost, "/v1/check?exchange=XNYS", "x", header("Content-Type", "application/json")).wantProblem(t, 415, "Content-Type")
	f.send(http.MethodPost, "/v1/check?exchange=XNYS", "x").wantProblem(t, 415, "Content-Type")
	f.file("/v1/check?exchange=XNYS", "x", func(r *http.Request) { r.Header.Set("Content-Type", "text/csv; charset=latin1") }).wantProblem(t, 415, "Content-Type")
}

// The limit is 8 MiB, whether the length is declared or not; other paths keep theirs.
func TestFileSizes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	largest := prices(t, 40, nil)
	largest += strings.Repeat("\n", service.MaxFileBytes-len(largest))
	if got := decode[gen.FileCheck](t, f.file("/v1/check?exchange=XNYS", largest).want(t, 200)); got.Rows != 40 {
		t.Errorf("of 8 MiB: %d rows, %+v", got.Rows, got.Findings)
	}
	f.file("/v1/check?exchange=XNYS", largest+"\n").wantProblem(t, 413, "body")
	f.file("/v1/check?exchange=XNYS", largest+"\n", func(r *http.Request) { r.ContentLength = -1 }).wantProblem(t, 413, "body")
	f.post("/v1/runs", strings.Repeat(" ", maxBody+1)).wantProblem(t, 413, "body")
}

func TestKeepFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good := prices(t, 40, nil)
	off := f.file("/v1/files?exchange=XNYS&symbol=SPY", good).wantProblem(t, 403, "upload-dir")
	if off.Type != "/problems/not-enabled" || !strings.Contains(*(*off.Errors)[0].Remedy, "--upload-dir") {
		t.Errorf("%+v", off)
	}

	folder := &fakeFolder{files: map[string]string{}}
	f = newFixtureWith(t, func(store *fakeStore) service.Store { return store }, folder)
	a := f.file("/v1/files?exchange=XNYS&symbol=SPY&options=basis%3Das_traded", good).want(t, 201)
	kept := decode[gen.KeptFile](t, a)
	if kept.Ref != "uploads/SPY.csv?basis=as_traded" || kept.Rows != 40 || len(kept.Sha256) != 64 || folder.files["SPY.csv"] != good {
		t.Errorf("%+v", kept)
	}
	f.file("/v1/files?exchange=XNYS&symbol=SPY&options=basis%3Das_traded", good).want(t, 200)
	f.file("/v1/files?exchange=XNYS&symbol=SPY", prices(t, 41, nil)).wantProblem(t, 409, "symbol")
	if folder.files["SPY.csv"] != good {
		t.Error("the file was overwritten")
	}
	// What was sent is complete, also without an end of the last line; source file has to be told.
	if kept := decode[gen.KeptFile](t, f.file("/v1/files?exchange=XNYS&symbol=QQQ", strings.TrimSuffix(good, "\n")).want(t, 201)); kept.Ref != "uploads/QQQ.csv?last_line=complete" || kept.Rows != 40 {
		t.Errorf("without an end of the last line: %+v", kept)
	}
	// The registration takes the reference as it is.
	f.post("/v1/etfs", `{"symbol":"QQQ","exchange":"XNYS","sources":[{"name":"file","ref":"uploads/QQQ.csv?last_line=complete"}]}`).want(t, 201)

	// A file of which nothing could be used is refused with the reasons.
	f.file("/v1/files?exchange=XNYS&symbol=BAD", "no,prices\n1,2\n").wantProblem(t, 400, "body")
	at := 0
	sundays := prices(t, 40, func(_ int, line string) string {
		_, rest, _ := strings.Cut(line, ",")
		at++
		return etf.MustSession("2024-12-01").AddDays(7*at).String() + "," + rest
	})
	p := f.file("/v1/files?exchange=XNYS&symbol=BAD", sundays)
	if p.status != 400 || !strings.Contains(string(p.body), "wrong_") {
		t.Errorf("%d %s", p.status, p.body)
	}
	if len(folder.files) != 2 {
		t.Errorf("files %d, want 2", len(folder.files))
	}
	f.file("/v1/files?exchange=XNYS", good).wantProblem(t, 400, "symbol")
	f.file("/v1/files?exchange=XNYS&symbol=..%2Fx", good).wantProblem(t, 400, "symbol")
	f.file("/v1/files?exchange=XNYS&symbol=CON.csv%00", good).wantProblem(t, 400, "symbol")
	f.send(http.MethodPost, "/v1/files?exchange=XNYS&symbol=SPY", good).wantProblem(t, 415, "Content-Type")
}

// While as many files as may arrive at once are arriving, the next is put off; one that arrives slowly takes no turn.
func TestFilesArriveApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good := prices(t, 30, nil)
	type arriving struct {
		body *slowBody
		done chan response
	}
	var all []arriving
	for range maxUploads {
		a := arriving{newSlowBody(), make(chan response, 1)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.URL+"/v1/check?exchange=XNYS", a.body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/csv")
		go func() { a.done <- f.do(r) }()
		<-a.body.begun
		all = append(all, a)
	}
	// The client has begun to send each; the server may take a moment to begin to read.
	refused := f.file("/v1/check?exchange=XNYS", good)
	for refused.status == 200 && t.Context().Err() == nil {
		refused = f.file("/v1/check?exchange=XNYS", good)
	}
	refused.wantProblem(t, 429)
	if refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	f.get("/v1/scores?exchange=XNYS").want(t, 200) // a heavy read has its turn all the same
	for _, a := range all {
		a.body.finish([]byte(good))
		if r := <-a.done; r.status != 200 && r.status != 429 {
			t.Errorf("status %d: %s", r.status, r.body)
		}
	}
	if a := f.file("/v1/check?exchange=XNYS", good); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}

// slowBody is a body whose content comes with finish.
type slowBody struct {
	begun, ready chan struct{}
	first        bool
	rest         *bytes.Reader
}

func newSlowBody() *slowBody {
	return &slowBody{begun: make(chan struct{}), ready: make(chan struct{})}
}

func (b *slowBody) finish(content []byte) {
	b.rest = bytes.NewReader(content)
	close(b.ready)
}

func (b *slowBody) Read(p []byte) (int, error) {
	if !b.first {
		b.first = true
		close(b.begun)
	}
	<-b.ready
	return b.rest.Read(p)
}
