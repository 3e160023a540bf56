package service

import (
	"context"
	"errors"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// notes is a record that keeps the changes of ETFs, inputs an engine that keeps the inputs of runs.
type notes struct {
	*record
	edits []etf.ETFEdit
	last  etf.Session // stored
}

func (s *notes) ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error) {
	e, err := s.record.ETF(ctx, symbol)
	e.Last = s.last
	return e, err
}

func (s *notes) ChangeETF(_ context.Context, c etf.ETFEdit) (etf.ETF, bool, error) {
	s.edits = append(s.edits, c)
	return etf.ETF{}, true, s.fail["ChangeETF"]
}

type inputs struct {
	*engine
	list []workflows.DailyInput
}

func (t *inputs) StartDaily(ctx context.Context, in workflows.DailyInput, restart bool) (bool, error) {
	t.list = append(t.list, in)
	return t.engine.StartDaily(ctx, in, restart)
}

// A refetch is a new attempt each time, whatever the state of the earlier ones, and says that the whole history is meant.
func TestRefetch(t *testing.T) {
	t.Parallel()
	id := etf.DailyRunID(etf.XNYS, friday, []etf.Symbol{"SPY"}, 1)
	second := etf.DailyRunID(etf.XNYS, friday, []etf.Symbol{"SPY"}, 2)
	for _, c := range []struct {
		name   string
		record []etf.Run
		last   etf.Session
		want   etf.RunID
	}{
		{"nothing is stored: the last closed session", nil, 0, id},
		{"the last stored session, also of an ETF that is behind", nil, friday - 2, etf.DailyRunID(etf.XNYS, friday-2, []etf.Symbol{"SPY"}, 1)},
		{"after a completed run of this ETF", []etf.Run{recordedRun(id, etf.RunCompleted)}, friday, second},
		{"after a failed one", []etf.Run{recordedRun(id, etf.RunFailed)}, friday, second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			store, temporal := &notes{record: newRecord(c.record...)}, &inputs{engine: newEngine()}
			store.etfs["SPY"], store.last = etf.XNYS, c.last
			s := New(Deps{Store: store, Temporal: temporal, Now: atNow})
			run, err := s.Refetch(t.Context(), RefetchRequest{Symbol: "SPY", By: "Kim", Why: "restated"})
			if err != nil || run.ID != c.want {
				t.Fatalf("run %s, %v; want %s", run.ID, err, c.want)
			}
			if len(temporal.list) != 1 || !temporal.list[0].Whole || temporal.list[0].Run() != c.want {
				t.Errorf("started %+v", temporal.list)
			}
			if len(store.edits) != 1 || store.edits[0].By != "Kim" || !store.edits[0].Note || store.edits[0].Why != "the whole history is fetched again: restated" {
				t.Errorf("recorded %+v", store.edits)
			}
		})
	}
}

func TestRefetchRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request RefetchRequest
		fail    failures
		kind    etf.Kind
	}{
		{"nobody asks", RefetchRequest{Symbol: "SPY"}, nil, etf.KindInvalid},
		{"not a symbol", RefetchRequest{Symbol: "spy", By: "Kim"}, nil, etf.KindInvalid},
		{"not registered", RefetchRequest{Symbol: "QQQ", By: "Kim"}, nil, etf.KindNotFound},
		{"it can't be recorded who asks", RefetchRequest{Symbol: "SPY", By: "Kim"}, failures{"ChangeETF": storeAway}, etf.KindUnavailable},
	} {
		store, temporal := &notes{record: newRecord()}, &inputs{engine: newEngine()}
		store.etfs["SPY"], store.fail = etf.XNYS, c.fail
		_, err := New(Deps{Store: store, Temporal: temporal, Now: atNow}).Refetch(t.Context(), c.request)
		if err == nil || etf.KindOf(err) != c.kind || len(temporal.list) != 0 {
			t.Errorf("%s: %v, started %v", c.name, err, temporal.list)
		}
		var e *etf.Error
		if c.kind == etf.KindInvalid && (!errors.As(err, &e) || e.Field == "") {
			t.Errorf("%s: %v names no field", c.name, err)
		}
	}
}
