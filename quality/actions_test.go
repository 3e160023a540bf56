package quality

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

func TestNewActions(t *testing.T) {
	paid := func(session, amount string) etf.Action {
		return etf.Action{Kind: etf.Dividend, Ex: etf.MustSession(session), Amount: etf.MustPrice(amount)}
	}
	gain := paid("2025-09-22", "1.5")
	gain.Kind = etf.CapitalGain
	for _, c := range []struct {
		name           string
		stated, stored []etf.Action
		accepted       []etf.Action
		proposed       []etf.Action
	}{
		{"nothing stated", nil, []etf.Action{paid("2025-09-22", "1.5")}, nil, nil},
		{"the first statement", []etf.Action{paid("2025-09-22", "1.5")}, nil, []etf.Action{paid("2025-09-22", "1.5")}, nil},
		{"repeated", []etf.Action{paid("2025-09-22", "1.5")}, []etf.Action{paid("2025-09-22", "1.50")}, nil, nil},
		{"another amount", []etf.Action{paid("2025-09-22", "1.49")}, []etf.Action{paid("2025-09-22", "1.5")}, nil, []etf.Action{paid("2025-09-22", "1.49")}},
		{"another day", []etf.Action{paid("2025-09-23", "1.5")}, []etf.Action{paid("2025-09-22", "1.5")}, []etf.Action{paid("2025-09-23", "1.5")}, nil},
		{"another kind", []etf.Action{gain}, []etf.Action{paid("2025-09-22", "1.5")}, []etf.Action{gain}, nil},
		{"twice in one response", []etf.Action{paid("2025-09-22", "1.5"), paid("2025-09-22", "1.5")}, nil, []etf.Action{paid("2025-09-22", "1.5")}, nil},
		{"two amounts in one response", []etf.Action{paid("2025-09-22", "1.5"), paid("2025-09-22", "2")}, nil, []etf.Action{paid("2025-09-22", "1.5")}, []etf.Action{paid("2025-09-22", "2")}},
		{"a split repeated", []etf.Action{splitOn("2025-09-22", 2, 1)}, []etf.Action{splitOn("2025-09-22", 2, 1)}, nil, nil},
		{"a split in other terms", []etf.Action{splitOn("2025-09-22", 4, 2)}, []etf.Action{splitOn("2025-09-22", 2, 1)}, nil, []etf.Action{splitOn("2025-09-22", 4, 2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var accepted, proposed []etf.Action
			for _, a := range NewActions(c.stated, c.stored) {
				switch a.Status {
				case etf.Accepted:
					accepted = append(accepted, a.Action)
				case etf.Proposed:
					proposed = append(proposed, a.Action)
				default:
					t.Errorf("status %q", a.Status)
				}
			}
			if !slices.Equal(accepted, c.accepted) || !slices.Equal(proposed, c.proposed) {
				t.Errorf("accepted %v, proposed %v; want %v and %v", accepted, proposed, c.accepted, c.proposed)
			}
		})
	}
}
