package ets

import (
	"encoding/json"
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

// Parse returns the model with the settings that Params wrote. Any other text, also what another version wrote with other settings, is
// an error of KindInvalid.
func Parse(params string) (*Model, error) {
	var set Settings
	err := json.Unmarshal([]byte(params), &set)
	var m *Model
	if err == nil {
		m, err = New(set)
	}
	if err == nil && m.params != params {
		err = fmt.Errorf("they read back as %s", m.params)
	}
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "params", Message: "these are not the parameters of an ets model of this version", Err: err,
			Remedy: "use the program that wrote them: `etfcast reproduce FORECAST` says which"}
	}
	return m, nil
}
