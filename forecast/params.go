package forecast

import (
	"encoding/json"
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

// ParseParams returns the model that from makes of the settings in params, which the model's Params wrote. Any other text, also what
// another version wrote with other settings, is an error of KindInvalid. kind is what the error calls the model: "a drift model".
func ParseParams[S any, M Model](kind, params string, from func(S) (M, error)) (M, error) {
	var set S
	var m M
	err := json.Unmarshal([]byte(params), &set)
	if err == nil {
		m, err = from(set)
	}
	if err == nil && m.Params() != params {
		err = fmt.Errorf("they read back as %s", m.Params())
	}
	if err != nil {
		var none M
		return none, &etf.Error{Kind: etf.KindInvalid, Field: "params", Message: "these are not the parameters of " + kind + " of this version", Err: err,
			Remedy: "use the program that wrote them: `etfcast reproduce FORECAST` says which"}
	}
	return m, nil
}
