package e2e

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// A seed repeats its kills exactly, and the kills are shared out: of 20, every kind of process has at least 2.
func TestPlan(t *testing.T) {
	t.Parallel()
	const kills = 20
	again, away := 0, 0
	for seed := range uint64(500) {
		draw := func() [][]strike { return plan(rand.New(rand.NewPCG(seed, 0)), kills) }
		rounds := draw()
		if !reflect.DeepEqual(rounds, draw()) {
			t.Fatalf("seed %d gives two plans", seed)
		}
		victims, total := map[string]int{}, 0
		for _, round := range rounds {
			if len(round) > 4 {
				t.Errorf("seed %d: a round of %d", seed, len(round))
			}
			for i, s := range round {
				victims[s.victim]++
				total++
				if i > 0 && s.victim == round[i-1].victim {
					again++
				}
				if s.away > 0 {
					away++
				}
				if s.away > 0 && (s.victim == "worker" || s.victim == "api") {
					t.Errorf("seed %d: %s is away, but the test starts it again at once", seed, s.victim)
				}
			}
		}
		if total != kills {
			t.Errorf("seed %d: %d kills", seed, total)
		}
		for _, victim := range []string{"worker", "api", "temporal", "database"} {
			if victims[victim] < 2 {
				t.Errorf("seed %d kills %s %d times: %v", seed, victim, victims[victim], rounds)
			}
		}
	}
	if again == 0 || away == 0 {
		t.Errorf("%d victims were killed again while they started, %d were away", again, away)
	}
}
