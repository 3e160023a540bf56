// Package dispatch is the client side of Temporal: it connects, starts, finds, queries and cancels runs, sends decisions
// to the workflows that wait for them, manages the schedules and the namespace's search attributes, and finds out which
// task queues are served. The same request is the same run whoever makes it, because the options of every start are set
// here.
//
// It wraps the SDK's package client and turns its errors into the kinds of package etf. The workflows belong to package
// workflows, the workers that run them to package worker, and decisions about what to start to package service.
package dispatch
