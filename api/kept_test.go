package api

import (
	"net/http"
	"testing"
	"time"
)

// In the last part of its time, one request makes a kept response again while the others are still sent it.
func TestKeptIsRenewedByOne(t *testing.T) {
	t.Parallel()
	const span = 10 * time.Second
	start := time.Date(2025, 9, 26, 12, 0, 0, 0, time.UTC)
	k := kept{}
	put := func(at time.Time, body string) {
		k.put("SPY", &keptResponse{generation: 7, until: at.Add(span), renew: at.Add(renewAfter(span)), header: http.Header{}, body: []byte(body)}, at)
	}
	put(start, "one")
	if k.get("SPY", 7, start.Add(span/2-1)) == nil {
		t.Error("it is made again before its time")
	}
	if k.get("SPY", 8, start) != nil {
		t.Error("it is sent although something has happened")
	}
	late := start.Add(span * 95 / 100)
	if k.get("SPY", 7, late) != nil {
		t.Error("nobody makes it again")
	}
	for range 3 {
		if k.get("SPY", 7, late) == nil {
			t.Error("two make it again at once")
		}
	}
	k.retry("SPY")
	if k.get("SPY", 7, late) != nil {
		t.Error("after a refusal nobody makes it again")
	}
	put(late, "two")
	if r := k.get("SPY", 7, late.Add(1)); r == nil || string(r.body) != "two" {
		t.Errorf("%+v", r)
	}
	if k.get("SPY", 7, late.Add(span)) != nil {
		t.Error("it is sent after its time")
	}
	put(late.Add(2*span), "three") // its predecessor has expired
	if want := (&keptResponse{body: []byte("three")}).cost("SPY"); k.size != want {
		t.Errorf("%d bytes are counted, want %d", k.size, want)
	}
	k.drop("SPY")
	if k.get("SPY", 7, late.Add(2*span)) != nil || k.size != 0 {
		t.Errorf("it is sent although it can't be made again; %d bytes are counted", k.size)
	}
}
