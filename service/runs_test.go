package service

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// The stages follow from the names of the activities.
func TestStageOf(t *testing.T) {
	for activity, want := range map[string]etf.Stage{
		"Fetch": etf.StageFetch, "Validate": etf.StageValidate, "Persist": etf.StagePersist, "Forecast": etf.StageForecast,
	} {
		if stage, ok := stageOf(activity); !ok || stage != want {
			t.Errorf("%s is stage %q", activity, stage)
		}
	}
	for _, activity := range []string{"", "Done", "FinishRun"} {
		if _, ok := stageOf(activity); ok {
			t.Errorf("%q is a stage", activity)
		}
	}
}
