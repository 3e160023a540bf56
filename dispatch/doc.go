// Package dispatch is the client side of Temporal: it connects, starts, finds, queries and cancels runs, hands decisions
// to the workflows that wait for them, keeps the schedules, makes the namespace's search attributes, and says who serves
// which task queue. The same request is the same run whoever asks, because the options of every start are made here.
//
// It is not the SDK's package client, which it wraps and whose errors it turns into the kinds of package etf. It refuses
// to own the workflows (package workflows), the workers that perform them (package worker) and any decision about what to
// start (package service).
package dispatch
