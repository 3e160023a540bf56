package prophet

// State is everything a fitted model consists of: the original's attributes under their names. Package serialize
// writes and reads it. (*Fitted).State returns it, FromState makes a Fitted of it.
type State struct {
	// Options are those of the fit: NChangepoints as it came to be, Seasonalities without the built-in ones. The
	// built-in seasonalities keep what was asked for.
	Options Options
	// SpecifiedChangepoints says that the changepoints were given.
	SpecifiedChangepoints bool
	YMin, YScale          float64
	LogisticFloor         bool
	Start                 Stamp // of the history
	TScale                Stamp // length of the history
	// Seasonalities are all that were fitted, in the order of their columns: those added, then yearly, weekly, daily.
	// Prior scales and modes are filled in.
	Seasonalities []Seasonality
	Regressors    []FittedRegressor
	// TrainHolidayNames are the distinct holidays of the fit, nil where there are none.
	TrainHolidayNames []string
	ComponentModes    ComponentModes
	// ComponentColumns has, for each component, the columns it is a sum of.
	ComponentColumns map[string][]int
	Columns          int // number of feature columns K (at least 1)
	Changepoints     []Stamp
	ChangepointsT    []float64 // scaled times, at least one (0 where there is no changepoint)
	// HistoryDates are the distinct stamps of the history in order, rows without y included.
	HistoryDates []Stamp
	History      History
	Params       Params
	Report       Report
}

// FittedRegressor is a regressor with what it was standardised by.
type FittedRegressor struct {
	Regressor
	Mu, Std float64
}

// ComponentModes name the components by how they enter, the totals included, in the original's order.
type ComponentModes struct {
	Additive       []string `json:"additive"`
	Multiplicative []string `json:"multiplicative"`
}

// History is the data fitted, sorted by DS: Frame's columns as they came, and what they were scaled to. Regressors in
// Frame.Columns are standardised, as the original keeps them. With Market.LogScale, Y is the logarithm.
type History struct {
	Frame
	T         []float64 // scaled time, 0 to 1
	YScaled   []float64
	CapScaled []float64 // logistic growth only
}

// Params are draws of the parameters: one for a maximum, many for a sampled posterior. Delta is draws x changepoints,
// Beta draws x columns; K, M and SigmaObs have one value a draw. All are on scaled time and scaled y.
type Params struct {
	K, M, SigmaObs []float64
	Delta, Beta    [][]float64
}

// Draws returns the number of draws.
func (p *Params) Draws() int { return len(p.K) }

// Report says how the fit went.
type Report struct {
	Optimizer  Optimizer `json:"optimizer"` // what was used in the end; "nuts" where the posterior was sampled
	Status     string    `json:"status"`    // "converged: ..." or what was out of the ordinary
	Converged  bool      `json:"converged"`
	Iterations int       `json:"iterations"`
	// LogPosterior is the logarithm of the posterior density of the scaled data without the constants, the number the
	// original's optimisers maximise.
	LogPosterior float64 `json:"log_posterior"`
	// Gradient is the largest absolute component of the (sub)gradient at the end.
	Gradient float64 `json:"gradient"`
	Rows     int     `json:"rows"`
	// Phi is the autocorrelation of the residuals a session apart, where Market.ResidualAR1 has it estimated.
	Phi float64 `json:"phi,omitempty"`
	// MaxRHat and MinESS are of the sampled posterior, 0 for a maximum.
	MaxRHat     float64 `json:"max_rhat,omitempty"`
	MinESS      float64 `json:"min_ess,omitempty"`
	Divergences int     `json:"divergences,omitempty"`
}
