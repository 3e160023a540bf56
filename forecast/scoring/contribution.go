package scoring

import "github.com/etfcast/etfcast/etf"

func Contribution(s etf.Score, against *etf.Score) etf.SessionLosses {
	if s.Withdrawn {
		return etf.SessionLosses{}
	}
	l := etf.SessionLosses{Exchange: s.Exchange, Model: s.Model, Horizon: s.Horizon, Standing: s.Standing, Origin: s.Origin, N: 1, Absolute: s.Absolute / s.Scale.Absolute}
	if against != nil {
		l.Paired, l.PairedAbsolute, l.AgainstAbsolute = 1, l.Absolute, against.Absolute/s.Scale.Absolute
	}
	return l
}
