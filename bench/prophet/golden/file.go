package golden

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/config"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
)

// File is one case: the original's inputs and its results.
type File struct {
	Name     string            `json:"name"`
	Series   string            `json:"series"`    // path in the folder of series
	RowsUsed int               `json:"rows_used"` // last rows of the series; 0 = all
	Freq     string            `json:"freq"`      // of the rows ahead
	Versions map[string]string `json:"versions"`
	Config   json.RawMessage   `json:"config"`
	Cap      float64           `json:"cap"`     // a constant column cap; 0 = none
	Weekday  bool              `json:"weekday"` // the regressors monday and day_of_month
	Prepared Prepared          `json:"prepared"`
	Fit      Fit               `json:"fit"`
	// Predicted are rows (the last of the history and those ahead) predicted from the parameters in Fit.
	Predicted struct {
		DS      []string             `json:"ds"`
		Columns map[string][]float64 `json:"columns"`
		Values  map[string][]float64 `json:"values"`
	} `json:"predicted"`
	// IntervalWidth are mean widths of yhat's interval, averaged over runs of 1,000 samples.
	IntervalWidth struct {
		Runs    int     `json:"runs"`
		History float64 `json:"history"`
		Horizon float64 `json:"horizon"`
	} `json:"interval_width"`

	// Spread is how far the original's fits of the series with other last bits are from its fit of the unchanged
	// series; L-BFGS only. Yhat is the largest difference, as a fraction of the range of y. Prophet is the version measured,
	// "" = that of Versions.
	Spread struct {
		Prophet      string    `json:"prophet"`
		Yhat         []float64 `json:"yhat"`
		LogPosterior []float64 `json:"log_posterior"`
		Iterations   []int     `json:"iterations"`
	} `json:"spread"`

	Real bool `json:"-"` // the series is not in the repository
}

// Prepared is what the original computes from a history before it fits.
type Prepared struct {
	Rows                int                  `json:"rows"`
	YScale              float64              `json:"y_scale"`
	YMin                float64              `json:"y_min"`
	Start               string               `json:"start"`
	TScaleSeconds       float64              `json:"t_scale_seconds"`
	TFirst              []float64            `json:"t_first"`
	TLast               []float64            `json:"t_last"`
	TSum                float64              `json:"t_sum"`
	YScaledFirst        []float64            `json:"y_scaled_first"` // absent for real series
	YScaledLast         []float64            `json:"y_scaled_last"`
	YScaledSum          float64              `json:"y_scaled_sum"`
	YScaledSumSquares   float64              `json:"y_scaled_sum_squares"`
	NChangepoints       int                  `json:"n_changepoints"`
	ChangepointsT       []float64            `json:"changepoints_t"`
	InitialK            float64              `json:"initial_k"`
	InitialM            float64              `json:"initial_m"`
	InitialLogPosterior float64              `json:"initial_log_posterior"`
	Columns             []string             `json:"columns"`
	PriorScales         []float64            `json:"prior_scales"`
	Modes               []string             `json:"modes"`
	FeatureRows         map[string][]float64 `json:"feature_rows"`
	FeatureSums         []float64            `json:"feature_sums"`
	FeatureSumsAbsolute []float64            `json:"feature_sums_absolute"`
}

// Fit is where the original's optimiser stopped.
type Fit struct {
	Algorithm    string    `json:"algorithm"` // lbfgs, newton, or none for a constant history
	Status       string    `json:"status"`
	Iterations   int       `json:"iterations"`
	K            float64   `json:"k"`
	M            float64   `json:"m"`
	SigmaObs     float64   `json:"sigma_obs"`
	Delta        []float64 `json:"delta"`
	Beta         []float64 `json:"beta"`
	LogPosterior float64   `json:"log_posterior"` // computed from the definition, not reported by the optimiser
	// Without changepoints: where the optimiser stopped, before the placeholder changepoint's rate was added to K.
	OptimisedK     *float64  `json:"optimised_k"`
	OptimisedDelta []float64 `json:"optimised_delta"`
}

// Load reads the cases in a folder by name, then those of real series in its subfolder real.
func Load(dir string) ([]*File, error) {
	var out []*File
	for _, real := range []bool{false, true} {
		pattern := filepath.Join(dir, "*.json")
		if real {
			pattern = filepath.Join(dir, "real", "*.json")
		}
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if filepath.Base(path) == futureFile {
				continue
			}
			f := &File{Real: real}
			if err := readJSON(path, f); err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s contains no golden file", dir)
	}
	return out, nil
}

// futureFile is the only file that is not a case.
const futureFile = "make_future.json"

// Future is what the original's make_future_dataframe returned for a series.
type Future struct {
	Series       string              `json:"series"`
	HistoryDates int                 `json:"history_dates"`
	Freqs        map[string][]string `json:"freqs"`    // five stamps ahead for each frequency
	Inferred     []string            `json:"inferred"` // nil if the frequency can't be inferred
}

// LoadFutures reads the future frames in a folder of cases.
func LoadFutures(dir string) ([]Future, error) {
	var all struct {
		Versions map[string]string `json:"versions"`
		Cases    []Future          `json:"cases"`
	}
	err := readJSON(filepath.Join(dir, futureFile), &all)
	return all.Cases, err
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Options returns the case's options. The optimizer matches the original's choice unless the case names another.
func (f *File) Options() (prophet.Options, error) {
	o, err := config.Unmarshal(f.Config)
	if o.Optimizer == prophet.MAP {
		o.Optimizer = prophet.Auto
	}
	return o, err
}

// History reads the case's series from a folder.
func (f *File) History(folder string) (*prophet.Frame, error) {
	frame, err := ReadSeries(filepath.Join(folder, f.Series), f.RowsUsed)
	if err != nil {
		return nil, err
	}
	f.addColumns(frame)
	return frame, nil
}

// addColumns adds the columns that a case has besides those of its series.
func (f *File) addColumns(frame *prophet.Frame) {
	if f.Cap != 0 {
		frame.Cap = slices.Repeat([]float64{f.Cap}, frame.Len())
	}
	if f.Weekday {
		monday, day := make([]float64, frame.Len()), make([]float64, frame.Len())
		for i, s := range frame.DS {
			t := s.Time()
			if t.Weekday() == 1 {
				monday[i] = 1
			}
			day[i] = float64(t.Day())
		}
		frame.Columns = map[string][]float64{"monday": monday, "day_of_month": day}
	}
}

// Frame returns the rows of Predicted: the last rows of the history and those ahead.
func (f *File) Frame() (*prophet.Frame, error) {
	frame := &prophet.Frame{Columns: map[string][]float64{}}
	for _, text := range f.Predicted.DS {
		s, err := prophet.ParseStamp(text)
		if err != nil {
			return nil, err
		}
		frame.DS = append(frame.DS, s)
	}
	for name, values := range f.Predicted.Columns {
		switch name {
		case "cap":
			frame.Cap = values
		case "floor":
			frame.Floor = values
		default:
			frame.Columns[name] = values
		}
	}
	return frame, nil
}

// WithParams returns the model with the original's parameters instead of its own.
func (f *File) WithParams(fitted *prophet.Fitted) (*prophet.Fitted, error) {
	s := fitted.State()
	s.Params = prophet.Params{
		K: []float64{f.Fit.K}, M: []float64{f.Fit.M}, SigmaObs: []float64{f.Fit.SigmaObs},
		Delta: [][]float64{f.Fit.Delta}, Beta: [][]float64{f.Fit.Beta},
	}
	return prophet.FromState(s)
}

// ReadSeries reads a history in any of the series' layouts, and keeps its last rows (0 = all): ds and y, Yahoo's
// download with four header lines, and date,...,close.
func ReadSeries(path string, rows int) (*prophet.Frame, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
	var frame *prophet.Frame
	switch first, _, _ := strings.Cut(text, "\n"); {
	case strings.HasPrefix(strings.ReplaceAll(first, `"`, ""), "ds,"):
		frame, err = csvfile.ReadFrame(strings.NewReader(text), csvfile.Columns{Y: true})
	case strings.HasPrefix(first, "Price,"):
		frame, err = readPrices(text, "Price", "Close", 4)
	default:
		frame, err = readPrices(text, "date", "close", 1)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if rows > 0 && rows < frame.Len() {
		index := make([]int, rows)
		for i := range index {
			index[i] = frame.Len() - rows + i
		}
		frame = frame.Rows(index)
	}
	return frame, nil
}

func readPrices(text, date, price string, header int) (*prophet.Frame, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	ds, y := slices.Index(records[0], date), slices.Index(records[0], price)
	if ds < 0 || y < 0 || len(records) <= header {
		return nil, fmt.Errorf("no columns %s and %s with rows", date, price)
	}
	frame := &prophet.Frame{}
	for _, r := range records[header:] {
		s, err := prophet.ParseStamp(r[ds])
		if err != nil {
			return nil, err
		}
		v, err := strconv.ParseFloat(r[y], 64)
		if err != nil {
			return nil, err
		}
		frame.DS, frame.Y = append(frame.DS, s), append(frame.Y, v)
	}
	return frame, nil
}
