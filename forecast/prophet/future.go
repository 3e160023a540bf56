package prophet

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// maxPeriods limits a future frame to 274 years of days.
const maxPeriods = 100_000

// MakeFuture returns a frame of dates to predict: periods stamps after the last date of the history (rows without y
// included), preceded by the history's dates if includeHistory is true. Only DS is filled in. A zero Freq means the
// sessions of Market.Exchange, or without one the frequency inferred from the last five dates.
//
// Errors are of KindInvalid: periods out of range, a frequency that can't be inferred, a calendar that does not extend
// that far.
func (f *Fitted) MakeFuture(periods int, freq Freq, includeHistory bool) (*Frame, error) {
	if periods < 0 || periods > maxPeriods || periods == 0 && !includeHistory {
		return nil, etf.Invalid("periods", fmt.Sprintf("%d periods are out of range", periods), fmt.Sprintf("ask for 1 to %d", maxPeriods))
	}
	dates := f.s.HistoryDates
	if len(dates) == 0 {
		dates = slices.Compact(slices.Clone(f.s.History.DS))
	}
	var err error
	if freq.unit == unitInferred {
		if k := f.s.Options.Market; k.Exchange != "" {
			freq = Freq{unit: unitSession, n: 1, exchange: k.Exchange}
		} else if freq, err = infer(dates); err != nil {
			return nil, err
		}
	}
	ahead, err := freq.after(dates[len(dates)-1], periods)
	if err != nil {
		return nil, err
	}
	out := &Frame{}
	if includeHistory {
		out.DS = append(out.DS, dates...)
	}
	out.DS = append(out.DS, ahead...)
	return out, nil
}
