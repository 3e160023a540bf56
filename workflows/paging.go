package workflows

import (
	"fmt"
	"sort"

	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// pager hands out the ETFs due, in ascending order of symbol, a page at a time.
type pager struct {
	exchange etf.Exchange
	symbols  []etf.Symbol // only these, ascending; empty = all
	after    etf.Symbol   // every ETF up to here has come in a page
	begun    etf.Symbol   // every ETF up to here has been handed out
	queue    []activities.DueETF
	asked    workflow.Future
	last     bool // the last page has come
}

// has reports whether an ETF can be handed out at once.
func (p *pager) has() bool { return len(p.queue) > 0 }

// done reports whether every ETF has been handed out.
func (p *pager) done() bool { return p.last && len(p.queue) == 0 }

// next hands out an ETF.
func (p *pager) next() activities.DueETF {
	due := p.queue[0]
	p.queue = p.queue[1:]
	p.begun = due.Symbol
	return due
}

// ask asks for the next page once the queue runs low. A subset is asked for a page of symbols at a time.
func (p *pager) ask(ctx workflow.Context) {
	if p.last || p.asked != nil || len(p.queue) > FanOut {
		return
	}
	in := activities.DueETFsInput{Exchange: p.exchange, After: p.after, Limit: duePage}
	if len(p.symbols) > 0 {
		in.Symbols, in.After = p.subset(), ""
	}
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s ETFs after %q", p.exchange, string(p.after))))
	p.asked = workflow.ExecuteActivity(ctx, planning.DueETFs, in)
}

// subset returns the next page of the symbols asked for.
func (p *pager) subset() []etf.Symbol {
	from := sort.Search(len(p.symbols), func(i int) bool { return p.symbols[i] > p.after })
	return p.symbols[from:min(from+duePage, len(p.symbols))]
}

// ready reports whether a page has come.
func (p *pager) ready() bool { return p.asked != nil && p.asked.IsReady() }

// check takes in a page that has come and returns how many ETFs it holds.
func (p *pager) check(ctx workflow.Context) (int, error) {
	if !p.ready() {
		return 0, nil
	}
	var page activities.DueETFsResult
	err := p.asked.Get(ctx, &page)
	p.asked = nil
	if err != nil {
		return 0, err
	}
	p.queue = append(p.queue, page.ETFs...)
	if len(p.symbols) > 0 {
		asked := p.subset()
		p.after = asked[len(asked)-1]
		p.last = p.after == p.symbols[len(p.symbols)-1]
		return len(page.ETFs), nil
	}
	p.last = len(page.ETFs) < duePage
	if n := len(page.ETFs); n > 0 {
		p.after = page.ETFs[n-1].Symbol
	}
	return len(page.ETFs), nil
}

// drop forgets what has not been handed out.
func (p *pager) drop() { p.queue = nil }
