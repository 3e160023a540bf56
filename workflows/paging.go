package workflows

import (
	"fmt"
	"sort"

	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// pager returns the ETFs due one by one, in ascending order of symbol, reading them a page at a time.
type pager struct {
	exchange etf.Exchange
	session  etf.Session
	symbols  []etf.Symbol // only these, ascending; empty = all
	after    etf.Symbol   // every ETF up to here has been read
	taken    etf.Symbol   // every ETF up to here has been returned
	queue    []activities.DueETF
	pending  workflow.Future
	last     bool // the last page has been read
}

// has reports whether next can return an ETF.
func (p *pager) has() bool { return len(p.queue) > 0 }

// done reports whether every ETF has been returned.
func (p *pager) done() bool { return p.last && len(p.queue) == 0 }

// next returns the next ETF.
func (p *pager) next() activities.DueETF {
	due := p.queue[0]
	p.queue = p.queue[1:]
	p.taken = due.Symbol
	return due
}

// request starts reading the next page once the queue runs low. Of a subset, it passes one page of symbols at a time.
func (p *pager) request(ctx workflow.Context) {
	if p.last || p.pending != nil || len(p.queue) > FanOut {
		return
	}
	in := activities.DueETFsInput{Exchange: p.exchange, Session: p.session, After: p.after, Limit: duePage}
	if len(p.symbols) > 0 {
		in.Symbols, in.After = p.subset(), ""
	}
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s ETFs after %q", p.exchange, string(p.after))))
	p.pending = workflow.ExecuteActivity(ctx, planning.DueETFs, in)
}

// subset returns the next page of the requested symbols.
func (p *pager) subset() []etf.Symbol {
	from := sort.Search(len(p.symbols), func(i int) bool { return p.symbols[i] > p.after })
	return p.symbols[from:min(from+duePage, len(p.symbols))]
}

// ready reports whether the requested page has arrived.
func (p *pager) ready() bool { return p.pending != nil && p.pending.IsReady() }

// check queues the page that has arrived, if any, and returns the number of ETFs in it.
func (p *pager) check(ctx workflow.Context) (int, error) {
	if !p.ready() {
		return 0, nil
	}
	var page activities.DueETFsResult
	err := p.pending.Get(ctx, &page)
	p.pending = nil
	if err != nil {
		return 0, err
	}
	p.queue = append(p.queue, page.ETFs...)
	if len(p.symbols) > 0 {
		requested := p.subset()
		p.after = requested[len(requested)-1]
		p.last = p.after == p.symbols[len(p.symbols)-1]
		return len(page.ETFs), nil
	}
	p.last = len(page.ETFs) < duePage
	if n := len(page.ETFs); n > 0 {
		p.after = page.ETFs[n-1].Symbol
	}
	return len(page.ETFs), nil
}

// clear discards the queued ETFs.
func (p *pager) clear() { p.queue = nil }
