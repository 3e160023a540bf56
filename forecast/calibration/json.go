package calibration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// format is the version of the state's JSON; increment it when the fields or the parameters change.
const format = 1

type stateJSON struct {
	Format int        `json:"format"`
	Pools  []poolJSON `json:"pools"` // ascending by model and horizon
}

type poolJSON struct {
	Model   string      `json:"model"`
	Horizon int         `json:"horizon"`
	Last    etf.Session `json:"last"`
	Weight  float64     `json:"weight"`
	Squares float64     `json:"squares"`
	Moments []float64   `json:"moments"`
	First   int         `json:"first"` // bin of Bins[0]
	Bins    []float64   `json:"bins"`
	// ETFs has, for each, the number of its outcomes, its usual volatility and its corrections at the levels, ascending.
	ETFs map[etf.Symbol][2 + sides]int32 `json:"etfs"`
}

// MarshalJSON writes the state as canonical JSON: the same state gives the same bytes.
func (s State) MarshalJSON() ([]byte, error) {
	out := stateJSON{Format: format, Pools: make([]poolJSON, 0, len(s.pools))}
	for k, p := range s.pools {
		j := poolJSON{Model: k.model, Horizon: k.horizon, Last: p.last, Weight: p.weight, Squares: p.squares,
			Bins: []float64{}, ETFs: make(map[etf.Symbol][2 + sides]int32, len(p.cells))}
		p.moments.each(func(v *float64) { j.Moments = append(j.Moments, *v) })
		first, end := 0, bins
		for first < end && p.histogram[first] == 0 {
			first++
		}
		for end > first && p.histogram[end-1] == 0 {
			end--
		}
		j.First, j.Bins = first, append(j.Bins, p.histogram[first:end]...)
		for symbol, own := range p.cells {
			row := [2 + sides]int32{int32(own.n), own.usual}
			copy(row[2:], own.offsets[:])
			j.ETFs[symbol] = row
		}
		out.Pools = append(out.Pools, j)
	}
	slices.SortFunc(out.Pools, func(a, b poolJSON) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Horizon, b.Horizon))
	})
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. Errors are of KindCorrupt.
func (s *State) UnmarshalJSON(raw []byte) error {
	var in stateJSON
	if err := json.Unmarshal(raw, &in); err != nil {
		return etf.Wrap(etf.KindCorrupt, err, "reading a stored calibration")
	}
	if in.Format != format {
		return &etf.Error{Kind: etf.KindCorrupt, Field: "format", Message: fmt.Sprintf("the stored calibration is of format %d, but this program reads %d", in.Format, format),
			Remedy: "use the program that made it"}
	}
	damaged := func(j poolJSON, what string) error {
		return &etf.Error{Kind: etf.KindCorrupt, Field: "pools", Message: fmt.Sprintf("the stored calibration of %s at horizon %d is damaged: %s", j.Model, j.Horizon, what)}
	}
	pools := make(map[key]*pool, len(in.Pools))
	for _, j := range in.Pools {
		k := key{j.Model, j.Horizon}
		switch {
		case j.Horizon < 1 || j.Model == "":
			return damaged(j, "no model and horizon")
		case pools[k] != nil:
			return damaged(j, "it is there twice")
		case j.First < 0 || j.First+len(j.Bins) > bins:
			return damaged(j, fmt.Sprintf("%d bins from %d on", len(j.Bins), j.First))
		case len(j.Moments) != momentCount:
			return damaged(j, fmt.Sprintf("%d moments", len(j.Moments)))
		case !(j.Weight >= 0 && j.Squares >= 0) || j.Weight > 0 && j.Squares == 0:
			return damaged(j, fmt.Sprintf("weight %v, squares %v", j.Weight, j.Squares))
		}
		p := newPool(j.Horizon)
		p.last, p.weight, p.squares = j.Last, j.Weight, j.Squares
		i := 0
		p.moments.each(func(v *float64) { *v, i = j.Moments[i], i+1 })
		for i, w := range j.Bins {
			if !(w >= 0) {
				return damaged(j, fmt.Sprintf("weight %v in a bin", w))
			}
			p.histogram[j.First+i] = w
		}
		for symbol, row := range j.ETFs {
			own := &cell{n: int(row[0]), usual: row[1], offsets: [sides]int32(row[2:])}
			for _, v := range own.offsets {
				if own.n < 1 || math.Abs(float64(v)) > mostOffset*precision {
					return damaged(j, fmt.Sprintf("%d outcomes and a correction of %d for %s", own.n, v, symbol))
				}
			}
			p.cells[symbol] = own
		}
		p.derive()
		pools[k] = p
	}
	s.pools = pools
	return nil
}
