package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

type problem struct {
	Type   string `json:"type"`
	Errors []struct {
		Field string `json:"field"`
	} `json:"errors"`
}

type runView struct {
	etf.Run
	ETFs struct {
		Items []etf.RunETF `json:"items"`
	} `json:"etfs"`
}

// exercise registers the listings, runs each exchange and session once, and checks the API's responses.
func exercise(ctx context.Context, s *server, listings []listing) (result, error) {
	res := result{ETFs: len(listings), Forecasts: map[string]int{}}
	models, served, err := listModels(ctx, s)
	if err != nil {
		return res, err
	}
	for _, l := range listings {
		if err := register(ctx, s, l.etf); err != nil {
			return res, err
		}
	}
	type group struct {
		exchange etf.Exchange
		session  etf.Session
	}
	groups := map[group][]etf.Symbol{}
	var order []group
	for _, l := range listings {
		g := group{l.etf.Exchange, l.session}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], l.etf.Symbol)
	}
	for _, g := range order {
		request := map[string]any{"workflow": "daily", "exchange": g.exchange}
		if !g.session.IsZero() {
			request["session"], request["symbols"] = g.session, groups[g]
		}
		run, err := runDaily(ctx, s, request)
		if err != nil {
			return res, err
		}
		res.RunsCompleted++
		if n := run.Counts.Updated; n != len(groups[g]) {
			return res, fmt.Errorf("run %s updated %d of %d ETFs: %+v", run.ID, n, len(groups[g]), run.ETFs.Items)
		}
		for _, e := range run.ETFs.Items {
			if e.ErrorType != "" {
				return res, fmt.Errorf("run %s, %s: %s: %s", run.ID, e.Symbol, e.ErrorType, e.ErrorMessage)
			}
		}
	}
	for _, l := range listings {
		stored, err := checkETF(ctx, s, l)
		if err != nil {
			return res, fmt.Errorf("%s: %w", l.etf.Symbol, err)
		}
		res.Bars += stored.Bars
		res.Quarantined += stored.Quarantined
		for _, model := range models {
			if err := checkForecast(ctx, s, stored, model, model == served); err != nil {
				return res, fmt.Errorf("%s by %s: %w", l.etf.Symbol, model, err)
			}
			res.Forecasts[model]++
		}
	}
	if res.Scores, err = checkScoreboard(ctx, s, listings); err != nil {
		return res, err
	}
	return res, badInput(ctx, s, listings[0].etf)
}

// listModels returns the names of the server's models, and which of them is served.
func listModels(ctx context.Context, s *server) (names []string, served string, err error) {
	var list struct {
		Items []struct {
			Name   string `json:"name"`
			Served bool   `json:"served"`
		} `json:"items"`
	}
	if err := s.get(ctx, "/v1/models", &list); err != nil {
		return nil, "", err
	}
	for _, m := range list.Items {
		names = append(names, m.Name)
		if m.Served {
			served = m.Name
		}
	}
	if served == "" {
		return nil, "", fmt.Errorf("none of the models %v is served", names)
	}
	return names, served, nil
}

func register(ctx context.Context, s *server, e etf.ETF) error {
	body := map[string]any{"symbol": e.Symbol, "exchange": e.Exchange, "currency": e.Currency, "sources": e.Sources}
	for _, want := range []int{http.StatusCreated, http.StatusOK} { // repeating the request changes nothing
		code, raw, header := s.do(ctx, http.MethodPost, "/v1/etfs", body, "")
		if code != want {
			return fmt.Errorf("registering %s returned %d, not %d: %s", e.Symbol, code, want, raw)
		}
		if at := header.Get("Location"); code == http.StatusCreated && at != "/v1/etfs/"+string(e.Symbol) {
			return fmt.Errorf("registering %s: Location is %q", e.Symbol, at)
		}
	}
	return nil
}

// runDaily starts a run, checks that repeating the request starts no other, and waits until it ends.
func runDaily(ctx context.Context, s *server, request map[string]any) (runView, error) {
	var run runView
	var location string
	for range 2 {
		code, raw, header := s.do(ctx, http.MethodPost, "/v1/runs", request, "")
		if code != http.StatusAccepted {
			return run, fmt.Errorf("POST /v1/runs returned %d: %s", code, raw)
		}
		if at := header.Get("Location"); location != "" && at != location {
			return run, fmt.Errorf("the same request returned Location %s, then %s", location, at)
		}
		location = header.Get("Location")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := s.get(ctx, location, &run); err != nil {
			return run, err
		}
		if run.Status != etf.RunRunning {
			break
		}
		select {
		case <-ctx.Done():
			return run, fmt.Errorf("run %s did not end: %w; %+v", run.ID, ctx.Err(), run.Counts)
		case <-tick.C:
		}
	}
	fmt.Fprintf(os.Stderr, "%s %s: %d updated, %d quarantined, %d failed; %d rows new\n", run.ID, run.Status,
		run.Counts.Updated, run.Counts.Quarantined, run.Counts.Failed, run.Counts.RowsNew)
	if run.Status != etf.RunCompleted {
		return run, fmt.Errorf("run %s ended as %s: %s", run.ID, run.Status, run.Error)
	}
	return run, nil
}

func checkETF(ctx context.Context, s *server, l listing) (stored etf.ETF, err error) {
	path := "/v1/etfs/" + string(l.etf.Symbol)
	if err := s.get(ctx, path, &stored); err != nil {
		return stored, err
	}
	if l.rows > 0 && stored.Bars != l.rows {
		return stored, fmt.Errorf("%d bars are stored, but the file has %d rows", stored.Bars, l.rows)
	}
	if !l.session.IsZero() && stored.Last != l.session {
		return stored, fmt.Errorf("the last stored session is %s, not %s", stored.Last, l.session)
	}
	code, raw, header := s.do(ctx, http.MethodGet, path+"/bars", nil, "text/csv")
	if code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") {
		return stored, fmt.Errorf("bars as CSV returned %d %s", code, header.Get("Content-Type"))
	}
	lines := 0
	for sc := bufio.NewScanner(bytes.NewReader(raw)); sc.Scan(); {
		lines++
	}
	if lines != stored.Bars+1 {
		return stored, fmt.Errorf("the CSV has %d lines for %d bars", lines, stored.Bars)
	}
	return stored, nil
}

// checkForecast checks the ETF's latest forecast by the model and its fit, and, if the model is served, that its
// forecast is returned when the request names no model.
func checkForecast(ctx context.Context, s *server, stored etf.ETF, model string, served bool) error {
	var f struct {
		ID          string               `json:"id"`
		Model       string               `json:"model"`
		Origin      etf.Session          `json:"origin"`
		Run         string               `json:"run"`
		Diagnostics map[string]string    `json:"diagnostics"`
		Components  map[string][]float64 `json:"components"`
		FitHash     string               `json:"fit_hash"`
		Chain       struct {
			Hash string `json:"hash"`
		} `json:"chain"`
		Points []struct {
			Horizon   int                `json:"horizon"`
			Target    etf.Session        `json:"target"`
			Mean      float64            `json:"mean"`
			Quantiles map[string]float64 `json:"quantiles"`
		} `json:"points"`
	}
	path := "/v1/etfs/" + string(stored.Symbol) + "/forecasts/latest"
	if err := s.get(ctx, path+"?model="+model, &f); err != nil {
		return err
	}
	if f.Model != model || f.Diagnostics["status"] == "" {
		return fmt.Errorf("forecast %s is by model %q with diagnostics %v", f.ID, f.Model, f.Diagnostics)
	}
	for name, values := range f.Components {
		if len(values) != len(f.Points) {
			return fmt.Errorf("forecast %s: component %s has %d values for %d points", f.ID, name, len(values), len(f.Points))
		}
	}
	code, fit, _ := s.do(ctx, http.MethodGet, "/v1/forecasts/"+f.ID+"/fit", nil, "")
	if hash := fmt.Sprintf("%x", sha256.Sum256(fit)); code != http.StatusOK || hash != f.FitHash || !json.Valid(fit) {
		return fmt.Errorf("forecast %s: its fit returned %d with hash %s, not %s: %.200s", f.ID, code, hash, f.FitHash, fit)
	}
	if f.Origin != stored.Last || len(f.Points) != etf.MaxHorizon || f.Chain.Hash == "" || f.Run == "" {
		return fmt.Errorf("forecast %s: origin %s (last bar %s), %d points, hash %q, run %q", f.ID, f.Origin, stored.Last, len(f.Points), f.Chain.Hash, f.Run)
	}
	last := f.Origin
	for _, p := range f.Points {
		var q []float64
		for _, level := range []string{"0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"} {
			q = append(q, p.Quantiles[level])
		}
		if p.Target <= last || p.Mean <= 0 || !slices.IsSorted(q) || q[0] <= 0 || q[6] <= q[0] {
			return fmt.Errorf("forecast %s, horizon %d: target %s, mean %v, quantiles %v", f.ID, p.Horizon, p.Target, p.Mean, q)
		}
		last = p.Target
	}
	var again struct {
		Chain struct {
			Hash string `json:"hash"`
		} `json:"chain"`
	}
	ways := []string{"/v1/forecasts/" + f.ID}
	if served {
		ways = append(ways, path)
	}
	for _, way := range ways {
		if err := s.get(ctx, way, &again); err != nil {
			return err
		}
		if again.Chain != f.Chain {
			return fmt.Errorf("forecast %s has hash %s at GET %s but %s as its model's latest", f.ID, again.Chain.Hash, way, f.Chain.Hash)
		}
	}
	return nil
}

// checkScoreboard checks that the scoreboard responds, and that what it counts for all ETFs of an exchange is what it counts for each
// of them. It returns the number of scores, late ones included.
func checkScoreboard(ctx context.Context, s *server, listings []listing) (scores int, err error) {
	type board struct {
		Late    bool   `json:"late"`
		Summary string `json:"summary"`
		Items   []struct {
			Model    string       `json:"model"`
			Exchange etf.Exchange `json:"exchange"`
			Horizon  int          `json:"horizon"`
			N        int          `json:"n"`
			LateN    int          `json:"late_n"`
		} `json:"items"`
	}
	type row struct {
		exchange etf.Exchange
		model    string
		horizon  int
	}
	for _, late := range []bool{false, true} {
		counted := map[row]int{}
		count := func(path string, sign int) error {
			var b board
			if err := s.get(ctx, path, &b); err != nil {
				return err
			}
			if b.Late != late || b.Summary == "" || late && strings.Contains(b.Summary, " beats ") {
				return fmt.Errorf("GET %s: late is %v, and it says %q", path, b.Late, b.Summary)
			}
			for _, i := range b.Items {
				counted[row{i.Exchange, i.Model, i.Horizon}] += sign * i.N
				if sign > 0 {
					scores += i.N
				}
				if late && i.N != i.LateN {
					return fmt.Errorf("GET %s: %d scores, of which %d are late", path, i.N, i.LateN)
				}
			}
			return nil
		}
		if err := count(fmt.Sprintf("/v1/scoreboard?late=%v", late), 1); err != nil {
			return scores, err
		}
		for _, l := range listings {
			if err := count(fmt.Sprintf("/v1/scoreboard?late=%v&symbol=%s", late, l.etf.Symbol), -1); err != nil {
				return scores, err
			}
		}
		for at, n := range counted {
			if n != 0 {
				return scores, fmt.Errorf("the scoreboard has %d more scores by %s at horizon %d on %s than its ETFs have", n, at.model, at.horizon, at.exchange)
			}
		}
	}
	return scores, nil
}

// badInput checks that invalid requests are refused with a problem that names the field.
func badInput(ctx context.Context, s *server, e etf.ETF) error {
	for _, c := range []struct {
		name, method, path string
		body               any
		code               int
		field              string
	}{
		{"unknown exchange", http.MethodPost, "/v1/runs", map[string]any{"workflow": "daily", "exchange": "XXXX"}, 0, "exchange"},
		{"session in the future", http.MethodPost, "/v1/runs", map[string]any{"workflow": "daily", "exchange": e.Exchange, "session": "2029-06-01"}, 0, "session"},
		{"not a trading day", http.MethodPost, "/v1/runs", map[string]any{"workflow": "daily", "exchange": e.Exchange, "session": "2025-01-01"}, 0, "session"},
		{"unknown field", http.MethodPost, "/v1/runs", map[string]any{"workflow": "daily", "exchange": e.Exchange, "sesion": "2025-09-26"}, 0, "sesion"},
		{"unknown ETF", http.MethodGet, "/v1/etfs/NOSUCHETF", nil, http.StatusNotFound, "symbol"},
		{"unknown model", http.MethodGet, "/v1/etfs/" + string(e.Symbol) + "/forecasts/latest?model=oracle", nil, http.StatusBadRequest, "model"},
		{"no horizon", http.MethodGet, "/v1/scoreboard?horizon=22", nil, http.StatusBadRequest, "horizon"},
		{"bad cursor", http.MethodGet, "/v1/etfs?cursor=%21%21", nil, 0, "cursor"},
		{"wrong method", http.MethodDelete, "/v1/etfs", nil, http.StatusMethodNotAllowed, ""},
	} {
		code, raw, header := s.do(ctx, c.method, c.path, c.body, "")
		var p problem
		if code < 400 || code >= 500 || c.code != 0 && code != c.code || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(raw, &p) != nil {
			return fmt.Errorf("%s returned %d %s: %s", c.name, code, header.Get("Content-Type"), raw)
		}
		if c.field != "" && !slices.ContainsFunc(p.Errors, func(f struct {
			Field string `json:"field"`
		}) bool {
			return f.Field == c.field || strings.HasSuffix(f.Field, "."+c.field)
		}) {
			return fmt.Errorf("%s: the problem does not name %q: %s", c.name, c.field, raw)
		}
	}
	return nil
}
