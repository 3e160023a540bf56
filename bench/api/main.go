package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-api:", err)
		os.Exit(1)
	}
}

// figures of one endpoint.
type figures struct {
	PerSecond float64 `json:"requests_per_s"`
	Peer      float64 `json:"peer_requests_per_s,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	P50       float64 `json:"p50_ms"` // at half of PerSecond
	P99       float64 `json:"p99_ms"`
	FullP99   float64 `json:"p99_ms_at_full_load"`
	PeerP99   float64 `json:"peer_p99_ms_at_full_load,omitempty"`
	Refused   int     `json:"refused,omitempty"` // by etfcast with status 429, in both loads
	Bytes     int     `json:"bytes"`
	PeerBytes int     `json:"peer_bytes,omitempty"`
}

type report struct {
	Endpoints   map[string]*figures `json:"endpoints"`
	Memory      float64             `json:"peak_mb"` // the most that etfcast api had resident
	PeerMemory  float64             `json:"peer_peak_mb,omitempty"`
	ETFs        int                 `json:"etfs"`
	Bars        int                 `json:"bars"` // of each
	Connections int                 `json:"connections"`
	Server      string              `json:"server"`
	Load        string              `json:"load_average_before"`
}

const model = "drift"

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-api", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("etfcast", "bin/etfcast", "the program")
	python := flags.String("python", "", "Python with bench/api/requirements.txt; without it there is no peer")
	n := flags.Int("n", 200, "number of ETFs")
	bars := flags.Int("bars", 260, "bars of each, 250 or more")
	connections := flags.Int("connections", 32, "number of connections")
	each := flags.Duration("each", 5*time.Second, "duration of each load")
	only := flags.String("only", "", "only this endpoint")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 1 || *bars < 250 || *connections < 1 {
		return errors.New("-n and -connections must be at least 1, -bars at least 250")
	}
	place, err := database.New(ctx, env(database.Variable))
	if err != nil {
		return err
	}
	defer place.Drop()
	user, dsn, err := place.NewUser(ctx)
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, place.DSN, db.MigrateOptions{Variable: database.Variable, GrantUsers: []string{user}}); err != nil {
		return err
	}
	out := report{Endpoints: map[string]*figures{}, ETFs: *n, Bars: *bars, Connections: *connections}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		out.Load = strings.Join(strings.Fields(string(text))[:3], " ")
	}
	symbols, err := seed(ctx, dsn, *n, *bars, &out)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s: %d ETFs with %d bars and a forecast each\n", out.Server, *n, *bars)

	own, err := startOwn(ctx, *program, dsn, stderr)
	if err != nil {
		return err
	}
	defer own.stop()
	var peer *server
	if *python != "" {
		if peer, err = startPeer(ctx, *python, dsn, stderr); err != nil {
			return err
		}
		defer peer.stop()
	}
	for _, endpoint := range []struct {
		name string
		path func(etf.Symbol) string
	}{
		{"latest_forecast", func(s etf.Symbol) string { return "/v1/etfs/" + string(s) + "/forecasts/latest" }},
		{"bars_250", func(s etf.Symbol) string { return "/v1/etfs/" + string(s) + "/bars?limit=250" }},
		{"overview", func(etf.Symbol) string { return "/v1/overview" }},
	} {
		if *only != "" && *only != endpoint.name {
			continue
		}
		var paths []string
		for _, s := range symbols {
			paths = append(paths, endpoint.path(s))
		}
		f := &figures{}
		out.Endpoints[endpoint.name] = f
		ask := func(s *server, d time.Duration, rate float64) (result, error) {
			r, err := newTarget(s.address, paths).load(ctx, *connections, d, rate)
			if err != nil {
				err = fmt.Errorf("%s, %s: %w", s.name, endpoint.name, err)
			}
			return r, err
		}
		for _, s := range []*server{own, peer} {
			if s == nil {
				continue
			}
			if _, err := ask(s, *each/5, 0); err != nil { // connections, caches, the collector's pace
				return err
			}
			r, err := ask(s, *each, 0)
			if err != nil {
				return err
			}
			fmt.Fprintf(stderr, "%-16s %-8s %9.1f requests/s, p50 %.2f ms, p99 %.2f ms, %d bytes\n", endpoint.name, s.name, r.perSecond, ms(r.p50), ms(r.p99), r.bytes)
			if s == own {
				f.PerSecond, f.FullP99, f.Bytes, f.Refused = round(r.perSecond), ms(r.p99), r.bytes, r.refused
			} else {
				f.Peer, f.PeerP99, f.PeerBytes, f.Ratio = round(r.perSecond), ms(r.p99), r.bytes, round(f.PerSecond/r.perSecond)
			}
		}
		if _, err := ask(own, *each/5, f.PerSecond/2); err != nil { // what was kept is out of date since the other server's turn
			return err
		}
		half, err := ask(own, *each, f.PerSecond/2)
		if err != nil {
			return err
		}
		f.P50, f.P99 = ms(half.p50), ms(half.p99)
		f.Refused += half.refused
		fmt.Fprintf(stderr, "%-16s %-8s %9.1f requests/s, p50 %.2f ms, p99 %.2f ms\n", endpoint.name, "at half", half.perSecond, f.P50, f.P99)
	}
	if out.Memory, err = own.peak(); err != nil {
		return err
	}
	if peer != nil {
		if out.PeerMemory, err = peer.peak(); err != nil {
			return err
		}
	}
	return json.NewEncoder(stdout).Encode(out)
}

func ms(d time.Duration) float64 { return math.Round(d.Seconds()*1e5) / 100 }

func round(x float64) float64 { return math.Round(x*10) / 10 }

// seed stores ETFs with bars up to the newest closed session and a forecast from it.
func seed(ctx context.Context, dsn string, n, bars int, out *report) ([]etf.Symbol, error) {
	store, err := db.Open(dsn, db.Options{Variable: database.Variable})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	about, err := store.Capabilities(ctx)
	if err != nil {
		return nil, err
	}
	out.Server = about.Server + " " + about.Version
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return nil, err
	}
	last, err := cal.LastClosed(time.Now())
	if err != nil {
		return nil, err
	}
	first, err := cal.Nth(last, -(bars - 1))
	if err != nil {
		return nil, err
	}
	days := cal.Sessions(etf.Window{From: first, To: last})
	var symbols []etf.Symbol
	for i := range n {
		symbol := etf.Symbol(fmt.Sprintf("SIM%04d", i))
		symbols = append(symbols, symbol)
		if err := seedETF(ctx, store, cal, symbol, i, days); err != nil {
			return nil, fmt.Errorf("%s: %w", symbol, err)
		}
	}
	return symbols, nil
}

func seedETF(ctx context.Context, store *db.Store, cal *calendar.Calendar, symbol etf.Symbol, number int, days []etf.Session) error {
	if _, _, err := store.CreateETF(ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}); err != nil {
		return err
	}
	list := make([]etf.Bar, len(days))
	level := 0.0
	for i, day := range days {
		level = 100 + float64(number) + 10*math.Sin(float64(i+number)/17)
		price := etf.Price(math.Round(level*100)) * 1e6 // 8 decimals
		list[i] = etf.Bar{Session: day, Open: price - 5e6, High: price + 4e7, Low: price - 3e7, Close: price, Volume: etf.Shares(int64(1_000_000 + i*777))}
	}
	if _, err := store.SeedBars(ctx, symbol, "simulated", etf.AsTraded, list); err != nil {
		return err
	}
	origin := days[len(days)-1]
	h, err := store.History(ctx, symbol, origin, 1)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	f := etf.Forecast{ID: hex.EncodeToString(id[:]), Symbol: symbol, Model: model, Origin: origin, DataVersion: h.DataVersion, Basis: etf.SplitAdjusted,
		Params: `{"window":500}`, ParamsHash: strings.Repeat("0", 64), Seed: 1, CodeVersion: "bench", Run: etf.RunID("daily:XNYS:" + origin.String()),
		Diagnostics: map[string]string{"status": "ok", "sigma": "0.0123", "drift": "0.0003"}, AsOf: h.AsOf, IssuedAt: time.Now(), Fit: []byte(`{"drift":0.0003}`)}
	target := origin
	for horizon := 1; horizon <= etf.MaxHorizon; horizon++ {
		if target, err = cal.Next(target); err != nil {
			return err
		}
		p := etf.ForecastPoint{Horizon: horizon, Target: target, Mean: level * (1 + .0003*float64(horizon))}
		for i, z := range []float64{-1.645, -1.282, -.674, 0, .674, 1.282, 1.645} {
			p.Quantiles[i] = level * math.Exp(.0123*z*math.Sqrt(float64(horizon)))
		}
		f.Points = append(f.Points, p)
		f.Tails = append(f.Tails, [2]float64{level * math.Exp(-.0123*1.96*math.Sqrt(float64(horizon))), level * math.Exp(.0123*1.96*math.Sqrt(float64(horizon)))})
	}
	appended, err := store.AppendForecasts(ctx, []etf.Forecast{f})
	if err == nil && appended[0].Refused != nil {
		err = appended[0].Refused
	}
	return err
}

// server is a process that serves HTTP.
type server struct {
	name, address string
	cmd           *exec.Cmd
}

func startOwn(ctx context.Context, program, dsn string, stderr io.Writer) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "api", "--listen", address, "--log-level", "error")
	cmd.Env = append(os.Environ(), "ETFCAST_MYSQL_DSN="+dsn, "TEMPORAL_ADDRESS=127.0.0.1:1") // none of the three requests asks Temporal
	return start(ctx, &server{"etfcast", address, cmd}, "/v1/etfs?limit=1", stderr)
}

func startPeer(ctx context.Context, python, dsn string, stderr io.Writer) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if python, err = filepath.Abs(python); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, "-m", "uvicorn", "peer:app", "--workers", "2", "--host", "127.0.0.1", "--port", port,
		"--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
	cmd.Dir = "bench/api"
	cmd.Env = append(os.Environ(), fmt.Sprintf("ETFCAST_BENCH_DSN=mysql+asyncmy://%s:%s@%s/%s", cfg.User, cfg.Passwd, cfg.Addr, cfg.DBName))
	return start(ctx, &server{"peer", address, cmd}, "/v1/etfs/SIM0000/bars?limit=1", stderr)
}

func freeAddress() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts the process and waits until it answers.
func start(ctx context.Context, s *server, path string, stderr io.Writer) (*server, error) {
	s.cmd.Stdout, s.cmd.Stderr = stderr, stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Cancel = func() error { return syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM) }
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", s.name, err)
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		response, err := http.Get("http://" + s.address + path) //nolint:noctx // ends with the process
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return s, nil
			}
			err = fmt.Errorf("%s: %s", response.Status, body)
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			s.stop()
			return nil, fmt.Errorf("%s did not answer: %w", s.name, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// stop ends the process with its children.
func (s *server) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// peak returns the most memory that the process and its children have had resident, in MB, added up.
func (s *server) peak() (float64, error) {
	total := 0.0
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range entries {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // state, parent, group, ...
		if len(fields) < 3 || fields[2] != strconv.Itoa(s.cmd.Process.Pid) {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(path), "status"))
		if err != nil {
			continue
		}
		for line := range strings.SplitSeq(string(status), "\n") {
			if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
				if err != nil {
					return 0, err
				}
				total += n * 1024 / 1e6
			}
		}
	}
	return round(total), nil
}
