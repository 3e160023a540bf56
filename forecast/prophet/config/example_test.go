package config_test

import (
	"fmt"

	"github.com/etfcast/etfcast/forecast/prophet/config"
)

func ExampleUnmarshal() {
	options, err := config.Unmarshal([]byte(`{
		"seasonality_mode": "multiplicative",
		"regressors": [{"name": "price"}],
		"market": true, "exchange": "XNYS"
	}`))
	fmt.Println(options.SeasonalityMode, options.Regressors[0].Name, options.Market.Exchange, options.Market.LogScale, err)

	_, err = config.Unmarshal([]byte(`{"growht": "flat"}`))
	fmt.Println(err)
	// Output:
	// multiplicative price XNYS true <nil>
	// growht: the configuration has an unknown key; the nearest known one is growth
}
