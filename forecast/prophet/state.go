package prophet

// State holds all parts of a fitted model: the original's attributes under the original's names. Package serialize writes
// and reads it. (*Fitted).State returns it, FromState builds a Fitted from it.
type State struct {
	// Options are the options of the fit: NChangepoints is the number used, Seasonalities leave out the built-in ones,
	// whose own options are as given.
	Options Options
	// SpecifiedChangepoints is true if the changepoints were given.
	SpecifiedChangepoints bool
	YMin, YScale          float64
	LogisticFloor         bool
	Start                 Stamp // of the history
	TScale                Stamp // length of the history
	// Seasonalities are all seasonalities fitted, in the order of their columns: the added ones, then yearly, weekly, daily.
	// Prior scales and modes are filled in.
	Seasonalities []Seasonality
	Regressors    []FittedRegressor
	// TrainHolidayNames are the distinct holidays of the fit, nil if there are none.
	TrainHolidayNames []string
	ComponentModes    ComponentModes
	// ComponentColumns has, for each component, the columns that add up to it.
	ComponentColumns map[string][]int
	Columns          int // number of feature columns K (at least 1)
	Changepoints     []Stamp
	ChangepointsT    []float64 // scaled times, at least one (0 if there is no changepoint)
	// HistoryDates are the distinct stamps of the history in order, including rows without y.
	HistoryDates []Stamp
	// EarlierFourier is true for a model fitted by etfcast 0.1.0: the argument of its sines and cosines is computed in the
	// order of version 1.3.0 of the original, which may differ in the last bits.
	EarlierFourier bool
	History        History
	Params         Params
	Report         Report
}

// FloorMatters reports whether the model has multiplicative terms and a floor, so that Options.Compat changes its forecasts.
func (s *State) FloorMatters() bool {
	hasFloor := s.LogisticFloor || (s.Options.Scaling == MinMax || s.Options.unitFree()) && s.YMin != 0
	return hasFloor && len(s.ComponentColumns["multiplicative_terms"]) > 0
}

// FittedRegressor is a regressor with the mean and standard deviation it was standardised by.
type FittedRegressor struct {
	Regressor
	Mu, Std float64
}

// ComponentModes lists the names of the components by mode, including the totals, in the original's order.
type ComponentModes struct {
	Additive       []string `json:"additive"`
	Multiplicative []string `json:"multiplicative"`
}

// History is the fitted data, sorted by DS: Frame's columns as given, and their scaled values. Regressors in Frame.Columns
// are standardised, as the original keeps them. With Market.LogScale, Y is the logarithm.
type History struct {
	Frame
	T         []float64 // scaled time, 0 to 1
	YScaled   []float64
	CapScaled []float64 // logistic growth only
}

// Params are draws of the parameters: one for a maximum, many for a sampled posterior. Delta is draws x changepoints,
// Beta draws x columns; K, M and SigmaObs have one value per draw. All are on scaled time and scaled y.
type Params struct {
	K, M, SigmaObs []float64
	Delta, Beta    [][]float64
}

// Draws returns the number of draws.
func (p *Params) Draws() int { return len(p.K) }

// Report says how the fit went.
type Report struct {
	Optimizer  Optimizer `json:"optimizer"` // the one used in the end; "gibbs" or "nuts" if the posterior was sampled
	Status     string    `json:"status"`    // "converged: ..." or what was unusual
	Converged  bool      `json:"converged"`
	Iterations int       `json:"iterations"`
	// LogPosterior is the log posterior density on scaled data, without constants: the number that the original's
	// optimisers maximise.
	LogPosterior float64 `json:"log_posterior"`
	// Gradient is the largest absolute component of the (sub)gradient at the end.
	Gradient float64 `json:"gradient"`
	Rows     int     `json:"rows"`
	// Phi is the autocorrelation of residuals one session apart, estimated with Market.ResidualAR1.
	Phi float64 `json:"phi,omitempty"`
	// DF are the degrees of freedom of the innovations, which have Student's t distribution with Market.ResidualAR1; 0 =
	// normal.
	DF float64 `json:"df,omitempty"`
	// Innovation is the scale of the innovations of Market.ResidualAR1 per session, on scaled y: sigma_obs without the
	// parameters' degrees of freedom. 0 = sigma_obs.
	Innovation float64 `json:"innovation,omitempty"`
	// Slope is the standard deviation of the trend's rate at the end of the history with Market.ResidualAR1, per session, on
	// scaled y.
	Slope float64 `json:"slope,omitempty"`
	// LeftOut is how many of the rows lie so far from those around them that Market.ResidualAR1 leaves them out.
	LeftOut int `json:"left_out,omitempty"`
	// MaxRHat and MinESS describe a sampled posterior; they are 0 for a maximum.
	MaxRHat     float64 `json:"max_rhat,omitempty"`
	MinESS      float64 `json:"min_ess,omitempty"`
	Divergences int     `json:"divergences,omitempty"`
}
