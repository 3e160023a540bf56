package assess

import "github.com/etfcast/etfcast/etf"

// coverage returns the measures of a model's intervals at the levels .5, .8, .9 and .95.
func coverage(sessions []etf.SessionLosses, _ int) []etf.CoverageMeasure {
	list := []etf.CoverageMeasure{{Nominal: .5}, {Nominal: .8}, {Nominal: .9}, {Nominal: .95}}
	for i := range list {
		inside := 0
		m := &list[i]
		m.High, m.EValue = 1, 1
		for _, s := range sessions {
			m.N += [...]int{s.N, s.N, s.N, s.Tailed}[i]
			inside += [...]int{s.Inside50, s.Inside80, s.Inside90, s.Inside95}[i]
		}
		if m.N > 0 {
			m.Measured = float64(inside) / float64(m.N)
		}
	}
	return list
}
