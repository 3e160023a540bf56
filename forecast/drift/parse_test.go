package drift

import (
	"errors"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, set := range []Settings{{}, {Decay: .97}, {Window: 40, MinReturns: 2, Floor: 1e-7}} {
		m := model(t, set)
		back, err := Parse(m.Params())
		if err != nil || *back != *m {
			t.Errorf("%s: %+v (%v)", m.Params(), back, err)
		}
	}
	for _, bad := range []string{
		"", "{}", "null", `{"decay":0.94,"floor":0.00001,"min_returns":33,"window":2520} `, `{"decay":2,"floor":0.00001,"min_returns":33,"window":2520}`,
		`{"decay":0.94,"extra":1,"floor":0.00001,"min_returns":33,"window":2520}`,
	} {
		_, err := Parse(bad)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "params" || e.Remedy == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
