package prophet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// ParseConfig reads options from a JSON object whose keys are the names of the original's arguments and those of
// ConfigKeys beyond them. What is not named keeps the default. Errors are of KindInvalid and name the key: text that is
// not JSON, a key that is unknown or there twice, a value of the wrong type, a date twice in a list, an exchange without
// a calendar. What else the values mean is checked by New.
func ParseConfig(data []byte) (Options, error) {
	top, err := parseJSON(data)
	if err != nil {
		return Options{}, err
	}
	c := config{Options: Defaults()}
	if err := decodeObject(configKeys(), top, &c); err != nil {
		return Options{}, err
	}
	if err := c.resolveMarket(); err != nil {
		return Options{}, err
	}
	return c.Options, nil
}

// UnmarshalJSON is ParseConfig: what data does not name has the default.
func (o *Options) UnmarshalJSON(data []byte) error {
	parsed, err := ParseConfig(data)
	if err != nil {
		return err
	}
	*o = parsed
	return nil
}

// MarshalJSON writes the options in one canonical form that ParseConfig reads back to the same options: every key in
// the order of ConfigKeys, defaults included. A number that JSON can't hold is an error of KindInvalid.
func (o Options) MarshalJSON() ([]byte, error) {
	c := config{Options: o}
	return encodeObject(nil, configKeys(), &c)
}

// ConfigKey describes a key of the configuration, for documentation.
type ConfigKey struct {
	Name    string // "seasonalities[].period" for a key of an object in a list
	Values  string
	Default string // as JSON; "" where the key is required
	Meaning string
}

// ConfigKeys lists the keys ParseConfig knows, in the order MarshalJSON writes them.
func ConfigKeys() []ConfigKey {
	c := config{Options: Defaults()}
	out := describe(nil, "", configKeys(), &c)
	at := func(name string) int {
		for i, k := range out {
			if k.Name == name {
				return i + 1
			}
		}
		panic("no key " + name)
	}
	insert := func(name string, keys []ConfigKey) {
		i := at(name)
		out = append(out[:i], append(keys, out[i:]...)...)
	}
	insert("seasonalities", describe(nil, "seasonalities[].", seasonalityKeys, &Seasonality{}))
	insert("regressors", describe(nil, "regressors[].", regressorKeys, &Regressor{}))
	insert("holidays", describe(nil, "holidays[].", holidayKeys, &Holiday{}))
	insert("market", describe(nil, "market.", marketKeys, &Market{}))
	return out
}

func describe[T any](out []ConfigKey, prefix string, keys []key[T], defaults *T) []ConfigKey {
	for _, k := range keys {
		d := ConfigKey{Name: prefix + k.name, Values: k.values, Meaning: k.meaning}
		if !k.required {
			raw, err := appendJSON(nil, k.name, k.get(defaults))
			if err != nil {
				panic(err) // a default that is not a number
			}
			d.Default = string(raw)
		}
		out = append(out, d)
	}
	return out
}

// config is Options with the two keys that Market is made of.
type config struct {
	Options
	allMarket bool   // "market": true
	inMarket  bool   // "market": {...}
	exchange  string // next to "market"
}

// resolveMarket puts the keys market and exchange together.
func (c *config) resolveMarket() error {
	switch {
	case c.inMarket && c.exchange != "":
		return etf.Invalid("exchange", "market is an object and has its own exchange", `move it into market`)
	case c.inMarket:
		return nil
	case c.allMarket && c.exchange == "":
		return etf.Invalid("exchange", "market is true and no exchange is named", `add "exchange": "XNYS" (or XKRX) next to it`)
	case c.allMarket:
		c.Market = MarketFor(c.exchange)
	default:
		c.Market = Market{Exchange: c.exchange}
	}
	return nil
}

// key is a key of an object of the configuration: how it is read into a T and written from it.
type key[T any] struct {
	name, values, meaning string
	required              bool
	set                   func(*T, node) error
	get                   func(*T) any // a value of encoding/json, a Stamp, or keyed; nil = null
}

// field is a key whose value is kept in a field of T.
func field[T, V any](name, values, meaning string, at func(*T) *V, read func(node) (V, error), write func(V) any) key[T] {
	return key[T]{name: name, values: values, meaning: meaning,
		set: func(t *T, n node) error {
			v, err := read(n)
			if err != nil {
				return err
			}
			*at(t) = v
			return nil
		},
		get: func(t *T) any { return write(*at(t)) },
	}
}

func need[T any](k key[T]) key[T] {
	k.required = true
	return k
}

const (
	modeValues   = `"additive", "multiplicative"`
	countValues  = "whole number"
	numberValues = "number"
	textValues   = "text"
)

// configKeys is a function because the table and what reads it name each other.
func configKeys() []key[config] {
	seasonal := func(name, meaning string, at func(*config) *Seasonal) key[config] {
		return field(name, `"auto", true, false, whole number`, meaning, at, readSeasonal, writeSeasonal)
	}
	number := func(name, meaning string, at func(*config) *float64) key[config] {
		return field(name, numberValues, meaning, at, node.number, asIs)
	}
	count := func(name, meaning string, at func(*config) *int) key[config] {
		return field(name, countValues, meaning, at, node.count, asIs)
	}
	return []key[config]{
		field("growth", `"linear", "logistic", "flat"`, "Shape of the trend. Logistic needs the column cap, and takes the column floor.",
			func(c *config) *Growth { return &c.Growth }, readText[Growth], asIs),
		field("changepoints", "list of dates, null", "Dates on which the trend may change, each once. Null chooses them; an empty list is none.",
			func(c *config) *[]Stamp { return &c.Changepoints }, readStamps, writeStamps),
		count("n_changepoints", "How many changepoints are chosen, at most 2000.", func(c *config) *int { return &c.NChangepoints }),
		number("changepoint_range", "The part of the history, 0 to 1, in which they are chosen.", func(c *config) *float64 { return &c.ChangepointRange }),
		seasonal("yearly_seasonality", "Period 365.25 days. A number is an order of Fourier terms; true is order 10; auto needs two years of history.",
			func(c *config) *Seasonal { return &c.YearlySeasonality }),
		seasonal("weekly_seasonality", "Period 7 days; true is order 3; auto needs two weeks of history and rows less than a week apart.",
			func(c *config) *Seasonal { return &c.WeeklySeasonality }),
		seasonal("daily_seasonality", "Period 1 day; true is order 4; auto needs two days of history and rows less than a day apart.",
			func(c *config) *Seasonal { return &c.DailySeasonality }),
		{name: "seasonalities", values: "list of objects", meaning: "Further seasonalities. A name twice is refused, where the original overwrites the first.",
			set: func(c *config, n node) (err error) {
				c.Seasonalities, err = readList(seasonalityKeys, n)
				return err
			},
			get: func(c *config) any { return listOf(seasonalityKeys, c.Seasonalities) }},
		{name: "regressors", values: "list of objects", meaning: "Extra regressors: columns of the history and of the rows to forecast. A name twice is refused, where the original overwrites the first.",
			set: func(c *config, n node) (err error) {
				c.Regressors, err = readList(regressorKeys, n)
				return err
			},
			get: func(c *config) any { return listOf(regressorKeys, c.Regressors) }},
		{name: "holidays", values: "list of objects, null", meaning: "Holidays and other dates with an effect.",
			set: func(c *config, n node) (err error) {
				if n.value == nil {
					c.Holidays = nil
					return nil
				}
				c.Holidays, err = readList(holidayKeys, n)
				return err
			},
			get: func(c *config) any { return listOf(holidayKeys, c.Holidays) }},
		field("country_holidays", "text, null", "Public holidays of a country, by its code: US (1971 to 2050) or KR (1990 to 2050). Dates outside are refused, in the history and in the rows to forecast.",
			func(c *config) *string { return &c.CountryHolidays }, orNull(readText[string]), nullIfEmpty),
		field("seasonality_mode", modeValues, "Whether seasonalities and regressors are added to the trend or multiply it, unless they say so themselves.",
			func(c *config) *Mode { return &c.SeasonalityMode }, readText[Mode], asIs),
		field("holidays_mode", modeValues+", null", "The same for holidays; null is seasonality_mode.",
			func(c *config) *Mode { return &c.HolidaysMode }, orNull(readText[Mode]), nullIfEmpty),
		number("seasonality_prior_scale", "Standard deviation of the prior of seasonalities: smaller is smoother. This and all prior scales are 1e-100 to 1e100.", func(c *config) *float64 { return &c.SeasonalityPriorScale }),
		number("holidays_prior_scale", "The same for holidays and regressors.", func(c *config) *float64 { return &c.HolidaysPriorScale }),
		number("changepoint_prior_scale", "Scale of the prior of the trend's changes: smaller is stiffer.", func(c *config) *float64 { return &c.ChangepointPriorScale }),
		count("mcmc_samples", "0 finds the maximum of the posterior; more samples it with so many iterations a chain.", func(c *config) *int { return &c.MCMCSamples }),
		number("interval_width", "The probability that intervals cover, between 0 and 1.", func(c *config) *float64 { return &c.IntervalWidth }),
		field("uncertainty_samples", "whole number, false", "Simulated paths for the intervals; 0 or false is no intervals.",
			func(c *config) *int { return &c.UncertaintySamples }, readSamples, asIs),
		field("scaling", `"absmax", "minmax"`, "How y is scaled before the fit: by its largest absolute value, or to 0 to 1.",
			func(c *config) *Scaling { return &c.Scaling }, readText[Scaling], asIs),
		{name: "market", values: "false, true, object", meaning: "What makes the model right for prices on trading days; true turns on all of it and needs exchange.",
			set: readMarket, get: writeMarket},
		{name: "exchange", values: "text, null", meaning: "The trading calendar, XNYS or XKRX. Without market it is only the default frequency of future rows.",
			set: func(c *config, n node) (err error) {
				c.exchange, err = readExchange(n)
				return err
			},
			get: func(*config) any { return nil }}, // written within market
		field("optimizer", `"map", "lbfgs", "newton", "auto"`, "map finds the maximum itself; lbfgs and newton follow the original's recipes and stop where it stops; auto is the original's choice of the two.",
			func(c *config) *Optimizer { return &c.Optimizer }, readText[Optimizer], asIs),
		field("seed", countValues, "Seed of everything that is drawn: intervals and samples of the posterior.",
			func(c *config) *uint64 { return &c.Seed }, node.seed, asIs),
	}
}

var seasonalityKeys = []key[Seasonality]{
	need(field("name", textValues, "Its name, a column of the forecast.", func(s *Seasonality) *string { return &s.Name }, readText[string], asIs)),
	need(field("period", numberValues, "Its period in days.", func(s *Seasonality) *float64 { return &s.Period }, node.number, asIs)),
	need(field("fourier_order", countValues, "Its order of Fourier terms.", func(s *Seasonality) *int { return &s.FourierOrder }, node.count, asIs)),
	field("prior_scale", "number, null", "Null is seasonality_prior_scale.", func(s *Seasonality) *float64 { return &s.PriorScale }, readPriorScale, nullIfZero),
	field("mode", modeValues+", null", "Null is seasonality_mode.", func(s *Seasonality) *Mode { return &s.Mode }, orNull(readText[Mode]), nullIfEmpty),
	field("condition_name", "text, null", "A column of 0 and 1 (or true and false) that says in which rows it is at work; null is all.",
		func(s *Seasonality) *string { return &s.ConditionName }, orNull(readText[string]), nullIfEmpty),
}

var regressorKeys = []key[Regressor]{
	need(field("name", textValues, "Its column.", func(r *Regressor) *string { return &r.Name }, readText[string], asIs)),
	field("prior_scale", "number, null", "Null is holidays_prior_scale.", func(r *Regressor) *float64 { return &r.PriorScale }, readPriorScale, nullIfZero),
	field("standardize", `"auto", true, false`, "Whether it is scaled to mean 0 and standard deviation 1; auto does unless its values are 0 and 1.",
		func(r *Regressor) *string { return &r.Standardize }, readStandardize, writeStandardize),
	field("mode", modeValues+", null", "Null is seasonality_mode.", func(r *Regressor) *Mode { return &r.Mode }, orNull(readText[Mode]), nullIfEmpty),
}

var holidayKeys = []key[Holiday]{
	need(field("holiday", textValues, "Its name, a column of the forecast. One row for each date it falls on, the future ones too.", func(h *Holiday) *string { return &h.Name }, readText[string], asIs)),
	need(field("ds", "date", "Its date.", func(h *Holiday) *Stamp { return &h.DS }, node.stamp, asIs)),
	field("lower_window", countValues, "Days before it with an effect of their own, as 0 or a negative number.", func(h *Holiday) *int { return &h.LowerWindow }, node.count, asIs),
	field("upper_window", countValues, "Days after it.", func(h *Holiday) *int { return &h.UpperWindow }, node.count, asIs),
	field("prior_scale", "number, null", "Null is holidays_prior_scale.", func(h *Holiday) *float64 { return &h.PriorScale }, readPriorScale, nullIfZero),
}

var marketKeys = []key[Market]{
	field("exchange", "text, null", "The trading calendar, XNYS or XKRX.", func(m *Market) *string { return &m.Exchange }, readExchange, nullIfEmpty),
	field("log_scale", "true, false", "Fit the logarithm of y.", func(m *Market) *bool { return &m.LogScale }, node.truth, asIs),
	field("weekday_basis", "true, false", "Restrict the weekly seasonality to the weekdays of the history.", func(m *Market) *bool { return &m.WeekdayBasis }, node.truth, asIs),
	field("session_time", "true, false", "Count the trend's time in trading sessions.", func(m *Market) *bool { return &m.SessionTime }, node.truth, asIs),
	field("session_holidays", "true, false", "Add effects of the sessions before and after a closure.", func(m *Market) *bool { return &m.SessionHolidays }, node.truth, asIs),
	field("residual_ar1", "true, false", "Let the last row's distance from the model carry on and fade, instead of noise that is new in every row.", func(m *Market) *bool { return &m.ResidualAR1 }, node.truth, asIs),
}

// node is a value of the configuration: nil, bool, string, json.Number, []node or []member.
type node struct {
	path  string
	value any
}

type member struct {
	name  string
	value node
}

// parseJSON makes a tree of data, in which no object has a key twice.
func parseJSON(data []byte) (node, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if len(bytes.TrimSpace(data)) == 0 {
		return node{}, etf.Invalid("line 1", "the configuration is empty", "write {} for the defaults")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		line := 1
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line += bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		}
		return node{}, etf.Invalid(fmt.Sprintf("line %d", line), "not JSON: "+err.Error(), "write one JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	return parseNode(dec, "", 0)
}

// maxDepth is beyond what any key asks for.
const maxDepth = 8

func parseNode(dec *json.Decoder, path string, depth int) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
	}
	n := node{path: path, value: token}
	delim, nested := token.(json.Delim)
	if !nested {
		return n, nil
	}
	if depth == maxDepth {
		return n, etf.Invalid(path, "objects are nested too deeply", "see the keys of the configuration")
	}
	if delim == '[' {
		list := []node{}
		for dec.More() {
			item, err := parseNode(dec, fmt.Sprintf("%s[%d]", path, len(list)), depth+1)
			if err != nil {
				return n, err
			}
			list = append(list, item)
		}
		n.value = list
	} else {
		object, seen := []member{}, map[string]bool{}
		for dec.More() {
			token, err := dec.Token()
			if err != nil {
				return n, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
			}
			name, _ := token.(string)
			at := pathName(name)
			if path != "" {
				at = path + "." + at
			}
			if seen[name] {
				return n, etf.Invalid(at, "the key is there twice", "keep one of them")
			}
			seen[name] = true
			value, err := parseNode(dec, at, depth+1)
			if err != nil {
				return n, err
			}
			object = append(object, member{name, value})
		}
		n.value = object
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return n, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
	}
	return n, nil
}

// pathName is a key as messages show it.
func pathName(name string) string {
	if q := quote(name); q != `"`+name+`"` || name == "" {
		return q
	}
	return name
}

// decodeObject reads the members of an object into t.
func decodeObject[T any](keys []key[T], n node, t *T) error {
	object, ok := n.value.([]member)
	if !ok {
		return n.not("an object", "write keys and values between { and }")
	}
	given := map[string]bool{}
next:
	for _, m := range object {
		given[m.name] = true
		for _, k := range keys {
			if k.name == m.name {
				if err := k.set(t, m.value); err != nil {
					return err
				}
				continue next
			}
		}
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.name
		}
		return etf.Invalid(m.value.path, "the configuration has an unknown key", fmt.Sprintf("the nearest known one is %s", nearest(m.name, names)))
	}
	for _, k := range keys {
		if k.required && !given[k.name] {
			return etf.Invalid(strings.TrimPrefix(n.path+"."+k.name, "."), "the key is missing", "add it: "+k.values)
		}
	}
	return nil
}

func readList[T any](keys []key[T], n node) ([]T, error) {
	list, ok := n.value.([]node)
	if !ok {
		return nil, n.not("a list", "write objects between [ and ]")
	}
	var out []T
	for _, item := range list {
		var t T
		if err := decodeObject(keys, item, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// nearest returns the name with the fewest letters to change, insert or remove; one that is the beginning of the other
// counts as one letter away.
func nearest(word string, names []string) string {
	const longest = 100 // no known name is near a longer word
	a := []rune(word)
	if len(a) > longest {
		a = a[:longest]
	}
	best, least := "", math.MaxInt
	for _, name := range names {
		b := []rune(name)
		row := make([]int, len(b)+1)
		for j := range row {
			row[j] = j
		}
		for i := range a {
			diagonal := row[0]
			row[0] = i + 1
			for j := range b {
				cost := diagonal
				if a[i] != b[j] {
					cost++
				}
				diagonal = row[j+1]
				row[j+1] = min(cost, row[j]+1, diagonal+1)
			}
		}
		distance := row[len(b)]
		if word != "" && (strings.HasPrefix(name, word) || strings.HasPrefix(word, name)) {
			distance = min(distance, 1)
		}
		if distance < least {
			best, least = name, distance
		}
	}
	return best
}

// not is the error of a value of the wrong type.
func (n node) not(what, remedy string) error {
	var have string
	switch v := n.value.(type) {
	case nil:
		have = "null"
	case bool:
		have = strconv.FormatBool(v)
	case string:
		have = "the text " + quote(v)
	case json.Number:
		have = quote(v.String())
		have = have[1 : len(have)-1]
	case []node:
		have = "a list"
	case []member:
		have = "an object"
	}
	path := n.path
	if path == "" {
		path = "the configuration"
	}
	return etf.Invalid(path, fmt.Sprintf("%s is not %s", have, what), remedy)
}

func (n node) number() (float64, error) {
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a number", "write a number without quotes, such as 10 or 0.05")
	}
	f, err := v.Float64()
	if err != nil {
		return 0, n.not("a number that fits", "write a smaller number")
	}
	return f, nil
}

func (n node) count() (int, error) {
	const remedy = "write a whole number without quotes, such as 25"
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a whole number", remedy)
	}
	i, err := strconv.ParseInt(v.String(), 10, 32)
	if err != nil {
		return 0, n.not("a whole number that fits", remedy)
	}
	return int(i), nil
}

func (n node) seed() (uint64, error) {
	const remedy = "write a whole number from 0 to 18446744073709551615"
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a seed", remedy)
	}
	i, err := strconv.ParseUint(v.String(), 10, 64)
	if err != nil {
		return 0, n.not("a seed", remedy)
	}
	return i, nil
}

func (n node) truth() (bool, error) {
	v, ok := n.value.(bool)
	if !ok {
		return false, n.not("true or false", "write true or false without quotes")
	}
	return v, nil
}

func (n node) stamp() (Stamp, error) {
	v, ok := n.value.(string)
	if !ok {
		return 0, n.not("a date", `write "YYYY-MM-DD" or "YYYY-MM-DD HH:MM:SS"`)
	}
	s, err := ParseStamp(v)
	var bad *etf.Error
	if errors.As(err, &bad) {
		return 0, etf.Invalid(n.path, bad.Message, bad.Remedy)
	}
	return s, err
}

// readText reads text that says something.
func readText[S ~string](n node) (S, error) {
	v, ok := n.value.(string)
	if !ok {
		return "", n.not("text", "write text between double quotes")
	}
	if v == "" {
		return "", etf.Invalid(n.path, "the text is empty", "write one of the values, or leave the key out")
	}
	return S(v), nil
}

// orNull reads null as the zero value.
func orNull[V any](read func(node) (V, error)) func(node) (V, error) {
	return func(n node) (V, error) {
		if n.value == nil {
			var zero V
			return zero, nil
		}
		return read(n)
	}
}

// readPriorScale refuses 0, which would stand for the default.
func readPriorScale(n node) (float64, error) {
	v, err := orNull(node.number)(n)
	if err == nil && v == 0 && n.value != nil {
		return 0, etf.Invalid(n.path, "prior scale 0 is not a positive number", "use a number above 0, or leave it out")
	}
	return v, err
}

func readSeasonal(n node) (Seasonal, error) {
	const what, remedy = `"auto", true, false or an order`, `write "auto", true, false, or an order of Fourier terms of 1 or more`
	switch v := n.value.(type) {
	case bool:
		if v {
			return SeasonalOn, nil
		}
		return SeasonalOff, nil
	case string:
		if v == "auto" {
			return SeasonalAuto, nil
		}
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 32); err == nil && i >= 0 {
			return Seasonal(i), nil
		}
	}
	return 0, n.not(what, remedy)
}

func writeSeasonal(s Seasonal) any {
	switch s {
	case SeasonalAuto:
		return "auto"
	case SeasonalOn:
		return true
	case SeasonalOff:
		return false
	}
	return int(s)
}

func readSamples(n node) (int, error) {
	if v, ok := n.value.(bool); ok {
		if v {
			return 0, n.not("a number of paths", "write a whole number such as 1000, or false for no intervals")
		}
		return 0, nil
	}
	return n.count()
}

func readStandardize(n node) (string, error) {
	switch v := n.value.(type) {
	case bool:
		return strconv.FormatBool(v), nil
	case string:
		if v == "auto" {
			return v, nil
		}
	}
	return "", n.not(`"auto", true or false`, `write "auto", true or false`)
}

func writeStandardize(s string) any {
	switch s {
	case "true":
		return true
	case "false":
		return false
	case "":
		return "auto"
	}
	return s
}

// readExchange refuses what has no calendar here and not in New, which does not know which of the two keys was written.
func readExchange(n node) (string, error) {
	name, err := orNull(readText[string])(n)
	if err != nil || name == "" {
		return name, err
	}
	if _, err := tradingCalendar(name); err != nil {
		return "", etf.Invalid(n.path, fmt.Sprintf("%s has no calendar", quote(name)), "name XNYS or XKRX")
	}
	return name, nil
}

func readStamps(n node) ([]Stamp, error) {
	if n.value == nil {
		return nil, nil
	}
	list, ok := n.value.([]node)
	if !ok {
		return nil, n.not("a list of dates", `write ["2024-01-31"], or null to have them chosen`)
	}
	out := []Stamp{}
	for _, item := range list {
		s, err := item.stamp()
		if err != nil {
			return nil, err
		}
		if slices.Contains(out, s) {
			return nil, etf.Invalid(item.path, fmt.Sprintf("%s is there twice", s), "name each date once")
		}
		out = append(out, s)
	}
	return out, nil
}

func writeStamps(ds []Stamp) any {
	if ds == nil {
		return nil
	}
	out := make([]string, len(ds))
	for i, s := range ds {
		out[i] = s.String()
	}
	return out
}

func readMarket(c *config, n node) error {
	if all, ok := n.value.(bool); ok {
		c.allMarket = all
		return nil
	}
	if _, ok := n.value.([]member); !ok {
		return n.not("true, false or an object", `write true with "exchange" next to it, or an object such as {"exchange": "XNYS", "log_scale": true}`)
	}
	c.inMarket = true
	return decodeObject(marketKeys, n, &c.Market)
}

func writeMarket(c *config) any {
	if c.Market == (Market{}) {
		return false
	}
	return keyed(func(out []byte) ([]byte, error) { return encodeObject(out, marketKeys, &c.Market) })
}

func asIs[V any](v V) any { return v }

func nullIfEmpty[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return s
}

func nullIfZero(v float64) any {
	if v == 0 {
		return nil
	}
	return v
}

// keyed appends an object or a list of objects.
type keyed func([]byte) ([]byte, error)

func listOf[T any](keys []key[T], list []T) any {
	return keyed(func(out []byte) ([]byte, error) {
		out = append(out, '[')
		for i := range list {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = encodeObject(out, keys, &list[i]); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	})
}

func encodeObject[T any](out []byte, keys []key[T], t *T) ([]byte, error) {
	out = append(out, '{')
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strconv.AppendQuote(out, k.name), ':')
		var err error
		if out, err = appendJSON(out, k.name, k.get(t)); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

func appendJSON(out []byte, name string, v any) ([]byte, error) {
	switch v := v.(type) {
	case keyed:
		return v(out)
	case Stamp:
		return strconv.AppendQuote(out, v.String()), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, etf.Invalid(name, fmt.Sprintf("%v can't be written as JSON", v), "use a finite number")
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, etf.Invalid(name, "can't be written as JSON: "+err.Error(), "use plain text and finite numbers")
	}
	return append(out, raw...), nil
}
