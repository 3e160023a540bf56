package ets

import "github.com/etfcast/etfcast/forecast"

// Parse returns the model with the settings that Params wrote. Any other text, also what another version wrote with other settings, is
// an error of KindInvalid.
func Parse(params string) (*Model, error) {
	return forecast.ParseParams("an ets model", params, New)
}
