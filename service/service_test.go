package service

import (
	"slices"
	"testing"
	"time"
)

func TestServedModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		deps Deps
		want string
	}{
		{Deps{}, "drift"},
		{Deps{Models: []Model{{Name: "prophet"}, {Name: "drift"}}}, "prophet"}, // the first is the benchmark
		{Deps{Models: models, ServedModel: "prophet"}, "prophet"},
	} {
		if got := New(c.deps).ServedModel(); got != c.want {
			t.Errorf("%+v serves %s, want %s", c.deps, got, c.want)
		}
	}
}

func TestModelsAreACopy(t *testing.T) {
	t.Parallel()
	s := New(Deps{Models: models})
	s.Models()[0].Name = "changed"
	if got := s.Models(); !slices.Equal(got, models) {
		t.Errorf("the models are %+v", got)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	if got := New(Deps{Now: atNow}).Now(); !got.Equal(now) {
		t.Errorf("the given clock reads %s", got)
	}
	before := time.Now()
	if got := New(Deps{}).Now(); got.Before(before) || got.After(time.Now()) {
		t.Errorf("the clock reads %s", got)
	}
}

func TestRunURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ui, namespace, want string }{
		{"", "prices", ""},
		{"http://127.0.0.1:8233", "", "http://127.0.0.1:8233/namespaces/default/workflows/daily%2FXNYS%2F2025-09-26"},
		{"https://example.com/ui//", "my prices", "https://example.com/ui/namespaces/my%20prices/workflows/daily%2FXNYS%2F2025-09-26"},
	} {
		if got := New(Deps{UI: c.ui, Namespace: c.namespace}).RunURL(whole); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
