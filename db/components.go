package db

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// maxComponentName is the width of forecast_components.component, in characters.
const maxComponentName = 100

// checkComponents requires names that the column can distinguish (it pads with spaces when comparing), and one finite
// value for each point.
func checkComponents(f etf.Forecast) error {
	for _, name := range slices.Sorted(maps.Keys(f.Components)) {
		field, values := "components["+strconv.Quote(name)+"]", f.Components[name]
		switch {
		case name == "" || utf8.RuneCountInString(name) > maxComponentName || !utf8.ValidString(name) || strings.TrimSpace(name) != name:
			return etf.Invalid(field, "the name can't be stored", fmt.Sprintf("use 1 to %d characters without leading or trailing spaces", maxComponentName))
		case len(values) != len(f.Points):
			return etf.Invalid(field, fmt.Sprintf("%d values for %d points", len(values), len(f.Points)), "give one for each point")
		}
		for i, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid(field+"["+strconv.Itoa(i)+"]", "a value is not finite", "fix the model: it must refuse such a fit")
			}
		}
	}
	return nil
}

// addComponents adds a row for each component. A list is stored as JSON, whose shortest digits read back as the same
// float64s.
func addComponents(ins *inserter, f etf.Forecast) error {
	for _, name := range slices.Sorted(maps.Keys(f.Components)) {
		list, err := json.Marshal(f.Components[name])
		if err != nil {
			return etf.Wrap(etf.KindInternal, err, "encoding a forecast's components")
		}
		ins.row(f.ID, name, string(list))
	}
	return nil
}

func addComponent(f *etf.Forecast, row sqlcgen.ForecastComponent) error {
	var values []float64
	if err := json.Unmarshal([]byte(row.ByHorizon), &values); err != nil {
		return &etf.Error{Kind: etf.KindCorrupt, Field: "components[" + strconv.Quote(row.Component) + "]", Err: err,
			Message: "decoding a component of forecast " + row.ForecastID, Remedy: compareWithBackup}
	}
	if f.Components == nil {
		f.Components = map[string][]float64{}
	}
	f.Components[row.Component] = values
	return nil
}
