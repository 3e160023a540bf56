package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// target is a server with the requests that are sent to it in turn.
type target struct {
	address  string
	requests [][]byte
}

func newTarget(address string, paths []string) target {
	t := target{address: address}
	for _, path := range paths {
		t.requests = append(t.requests, fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n\r\n", path, address))
	}
	return t
}

// connection is a kept-alive connection of HTTP/1.1. net/http's client would cost as much as the server.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func (t target) dial() (*connection, error) {
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", t.address)
	if err != nil {
		return nil, err
	}
	return &connection{c, bufio.NewReaderSize(c, 64<<10)}, nil
}

var contentLength, chunked = []byte("content-length:"), []byte("transfer-encoding: chunked")

// errRefused is a response with status 429: the server has too much to do.
var errRefused = errors.New("refused")

// ask sends a request and returns the size of the response's body. A status other than 200 and 429 is an error.
func (c *connection) ask(request []byte) (int, error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	var outcome error
	if bytes.HasPrefix(status, []byte("HTTP/1.1 429 ")) {
		outcome = errRefused
	} else if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		rest, _ := c.in.Peek(min(c.in.Buffered(), 2000))
		return 0, fmt.Errorf("%s%s", status, rest)
	}
	size, pieces := -1, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.ToLower(bytes.TrimRight(line, "\r\n"))
		switch {
		case len(line) == 0:
			if pieces {
				return c.pieces()
			}
			if size < 0 {
				return 0, errors.New("a response without a length")
			}
			if _, err := c.in.Discard(size); err != nil {
				return 0, err
			}
			return size, outcome
		case bytes.HasPrefix(line, contentLength):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		case bytes.Equal(line, chunked):
			pieces = true
		}
	}
}

// pieces reads a chunked body.
func (c *connection) pieces() (int, error) {
	total := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return 0, err
		}
		if _, err := c.in.Discard(int(n) + 2); err != nil {
			return 0, err
		}
		if total += int(n); n == 0 {
			return total, nil
		}
	}
}

// result is what a load came to.
type result struct {
	perSecond float64
	p50, p99  time.Duration
	bytes     int // of a response, on average
	refused   int // with status 429; the rest does not count them
}

// load sends requests on n connections for the duration. With a rate, they are sent at that rate, whatever the responses take, and
// times count from when a request was due; without one (0), each connection sends its next request after the response.
func (t target) load(ctx context.Context, n int, d time.Duration, rate float64) (result, error) {
	type share struct {
		times   []time.Duration
		bytes   int
		refused int
		err     error
	}
	shares := make([]share, n)
	var wg sync.WaitGroup
	begin := time.Now().Add(20 * time.Millisecond)
	end := begin.Add(d)
	for i := range n {
		wg.Go(func() {
			s := &shares[i]
			c, err := t.dial()
			if err != nil {
				s.err = err
				return
			}
			defer c.Close()
			for k := 0; ctx.Err() == nil; k++ {
				number := k*n + i
				due := time.Now()
				if rate > 0 {
					due = begin.Add(time.Duration(float64(number) / rate * float64(time.Second)))
				}
				if !due.Before(end) {
					return
				}
				time.Sleep(time.Until(due))
				size, err := c.ask(t.requests[number%len(t.requests)])
				if errors.Is(err, errRefused) {
					s.refused++
					continue
				}
				if err != nil {
					s.err = err
					return
				}
				s.times, s.bytes = append(s.times, time.Since(due)), s.bytes+size
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	var r result
	var times []time.Duration
	for _, s := range shares {
		if s.err != nil && !errors.Is(s.err, io.EOF) {
			return r, s.err
		}
		if s.err != nil {
			return r, fmt.Errorf("%s closed a connection", t.address)
		}
		times, r.bytes, r.refused = append(times, s.times...), r.bytes+s.bytes, r.refused+s.refused
	}
	if len(times) == 0 {
		return r, errors.New("no request was answered")
	}
	slices.Sort(times)
	r.perSecond = float64(len(times)) / took.Seconds()
	r.p50, r.p99, r.bytes = times[len(times)/2], times[len(times)*99/100], r.bytes/len(times)
	return r, ctx.Err()
}
