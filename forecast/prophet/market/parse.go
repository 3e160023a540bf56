package market

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet/config"
)

// Parse returns the model with the settings that Params wrote. Any other text, also what another version wrote with other settings, is
// an error of KindInvalid. A model of another volatility is another model.
func Parse(params string) (*Model, error) { return Constant.Parse(params) }

// Parse is Parse of a model of this volatility.
func (v Volatility) Parse(params string) (*Model, error) {
	return forecast.ParseParams("a "+nameOf(v)+" model", params, func(json.RawMessage) (*Model, error) {
		m, err := parse(params)
		if err == nil && m.volatility != v {
			err = fmt.Errorf("they read back as %s", m.params)
		}
		return m, err
	})
}

func parse(params string) (*Model, error) {
	decode := json.NewDecoder(strings.NewReader(params))
	decode.UseNumber()
	var all map[string]any
	if err := decode.Decode(&all); err != nil {
		return nil, err
	}
	var own struct {
		Window     int        `json:"window"`
		MinRows    int        `json:"min_rows"`
		Volatility Volatility `json:"volatility"`
	}
	if err := json.Unmarshal([]byte(params), &own); err != nil {
		return nil, err
	}
	if own.Window <= 0 || own.MinRows <= 0 {
		return nil, errors.New("window or min_rows is missing")
	}
	for _, name := range []string{"window", "min_rows", "innovations", "market", "volatility"} { // New sets the market's options
		delete(all, name)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	options, err := config.Unmarshal(raw)
	if err != nil {
		return nil, err
	}
	return New(Settings{Window: own.Window, MinRows: own.MinRows, Volatility: own.Volatility, Options: &options})
}
