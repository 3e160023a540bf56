package db

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// LedgerProblem is one thing that is not as it was when it was stored. Fields that do not apply are zero.
type LedgerProblem struct {
	Symbol   etf.Symbol `json:"symbol,omitempty"`
	Model    string     `json:"model,omitempty"`
	Position int64      `json:"position,omitempty"` // in the chain
	Forecast string     `json:"forecast,omitempty"` // ID
	Message  string     `json:"message"`
}

// LedgerReport is what a verification has found.
type LedgerReport struct {
	Instance    string `json:"instance,omitempty"` // empty while the ledger is empty
	Leaves      int64  `json:"leaves"`
	Root        string `json:"root,omitempty"` // recomputed from the leaves, base64
	Checkpoints int    `json:"checkpoints"`
	Signed      bool   `json:"signed"` // the newest checkpoint has a signature
	ETFs        int    `json:"etfs"`
	Chains      int    `json:"chains"`
	Forecasts   int64  `json:"forecasts"`
	Unanchored  int64  `json:"unanchored"` // of those: newer than their chain's last leaf, so that only their chain vouches for them
	// Against is the size of the checkpoint that was compared with; 0 without one.
	Against int64 `json:"against,omitempty"`
	// Broken counts the problems: one for each chain, at its first position that is wrong, and those of the log. Problems has the
	// first of them: chains in order of symbol and model, then the log.
	Broken   int             `json:"broken"`
	Problems []LedgerProblem `json:"problems,omitempty"`
}

// VerifyOptions are what the ledger is verified with beyond itself.
type VerifyOptions struct {
	Against   *ledger.Checkpoint  // one that was kept: the log must begin with its leaves
	Earlier   []ledger.Checkpoint // smaller ones that were kept too: they narrow down what was rewritten
	PublicKey string              // the newest checkpoint and Against must be signed with it
	Limit     int                 // of the problems listed; 20 if zero
}

// VerifyLedger reads every forecast with all its parts and every leaf, hash and checkpoint of the log, and recomputes every hash.
// What others append meanwhile is no problem. What is wrong is in the report; an error means that it could not be told:
// KindInvalid with Field "checkpoint" if Against or one of Earlier is of another instance, "public_key" if a checkpoint is not signed with that key.
func (s *Store) VerifyLedger(ctx context.Context, o VerifyOptions) (LedgerReport, error) {
	v := &verification{store: s, limit: cmp.Or(o.Limit, 20)}
	if o.Against != nil && o.PublicKey != "" {
		if err := o.Against.CheckSignature(o.PublicKey); err != nil {
			return LedgerReport{}, err
		}
	}
	conn, err := s.current(ctx)
	if err != nil {
		return LedgerReport{}, translate(err, "connecting to the database")
	}
	defer giveBack(conn)
	// The log is read first: whatever it names is in the chains that are read then.
	log, err := readLog(ctx, conn, o)
	if err != nil {
		return LedgerReport{}, err
	}
	v.leaves = log.chains
	parts, err := countParts(ctx, conn)
	if err != nil {
		return LedgerReport{}, err
	}
	if err := v.chains(ctx, conn); err != nil {
		return LedgerReport{}, err
	}
	if parts != v.parts.Load() || v.broken > 0 {
		orphans, err := orphansOf(ctx, conn, v.limit)
		if err != nil {
			return LedgerReport{}, err
		}
		for _, o := range orphans {
			log.problem(LedgerProblem{Forecast: o.Owner, Message: fmt.Sprintf("%d rows of %s belong to %s, which is not stored", o.Rows, o.Table, o.Owner)})
		}
	}
	report := log.report
	report.ETFs, report.Chains, report.Forecasts, report.Unanchored = v.etfs, v.count, v.forecasts, v.unanchored
	slices.SortFunc(v.problems, func(a, b LedgerProblem) int {
		return cmp.Or(cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Position, b.Position))
	})
	report.Broken = v.broken + len(log.problems)
	report.Problems = append(v.problems, log.problems...)
	report.Problems = report.Problems[:min(len(report.Problems), v.limit)]
	return report, nil
}

// anchoredLeaf is a leaf of one chain.
type anchoredLeaf struct {
	position, number int64
	hash             string
}

// storedLog is the log as it was read and recomputed.
type storedLog struct {
	report   LedgerReport
	chains   map[chain][]anchoredLeaf
	problems []LedgerProblem

	size   int64
	roots  map[int64]tlog.Hash // after each anchoring, and at the sizes of the checkpoints that are compared with
	ends   map[int64]leafEnd   // the sizes at which an anchoring ended
	hashes []byte              // of the tree, in the order of their indexes
}

// leafEnd is the last leaf of an anchoring.
type leafEnd struct {
	writer string
	at     int64 // in microseconds since 1970
	last   ledger.Leaf
}

func (l *storedLog) problem(p LedgerProblem) { l.problems = append(l.problems, p) }

func (l *storedLog) leafProblem(leaf ledger.Leaf, message string) {
	l.problem(LedgerProblem{Symbol: leaf.Symbol, Model: leaf.Model, Position: leaf.Position, Message: message})
}

// readLog reads the log and recomputes its tree.
func readLog(ctx context.Context, conn *sql.Conn, o VerifyOptions) (*storedLog, error) {
	l := &storedLog{chains: map[chain][]anchoredLeaf{}, roots: map[int64]tlog.Hash{}, ends: map[int64]leafEnd{}}
	if err := l.readLeaves(ctx, conn, o.kept()); err != nil {
		return nil, err
	}
	if err := l.readCheckpoints(ctx, conn, o); err != nil {
		return nil, err
	}
	return l, l.readHashes(ctx, conn)
}

func (l *storedLog) readLeaves(ctx context.Context, conn *sql.Conn, kept []ledger.Checkpoint) error {
	var tree ledger.Builder
	var leaf ledger.Leaf
	var number int64
	var end leafEnd
	var writer string
	var at microseconds
	gap, next := false, 0
	names := map[string]string{} // each symbol and model once in memory
	intern := func(s string) string {
		if known, ok := names[s]; ok {
			return known
		}
		names[s] = s
		return s
	}
	err := eachRowOf(ctx, conn, "SELECT number, symbol, model, position, hash, writer, anchored_at FROM ledger_leaves ORDER BY number", nil, func() {
		if gap {
			return
		}
		if number != tree.Size() {
			gap = true
			l.leafProblem(leaf, fmt.Sprintf("leaf %d of the log is missing", tree.Size()))
			return
		}
		leaf.Symbol, leaf.Model = etf.Symbol(intern(string(leaf.Symbol))), intern(leaf.Model)
		if number > 0 && writer != end.writer {
			l.ends[number], l.roots[number] = end, tree.Root()
		} else if number > 0 && int64(at) != end.at {
			l.leafProblem(leaf, fmt.Sprintf("leaf %d was not anchored at the instant of the others of its anchoring", number))
		}
		for _, h := range tree.Append(leaf) {
			l.hashes = append(l.hashes, h[:]...)
		}
		for next < len(kept) && kept[next].Size <= tree.Size() {
			l.roots[tree.Size()] = tree.Root()
			next++
		}
		end = leafEnd{writer: writer, at: int64(at), last: leaf}
		switch {
		case number == 0 && leaf.IsGenesis():
			l.report.Instance = leaf.Hash
		case number == 0 || leaf.Position < 1:
			l.leafProblem(leaf, fmt.Sprintf("leaf %d is not the leaf of a forecast, and only the first one names the instance", number))
		default:
			c := chainOf(leaf)
			list := l.chains[c]
			if n := len(list); n > 0 && list[n-1].position >= leaf.Position {
				l.leafProblem(leaf, fmt.Sprintf("leaf %d anchors position %d after position %d", number, leaf.Position, list[n-1].position))
			}
			l.chains[c] = append(list, anchoredLeaf{leaf.Position, number, leaf.Hash})
		}
	}, &number, &leaf.Symbol, &leaf.Model, &leaf.Position, &leaf.Hash, &writer, &at)
	if err != nil {
		return translate(err, "reading the leaves of the ledger")
	}
	l.size = tree.Size()
	if l.size > 0 {
		l.ends[l.size], l.roots[l.size] = end, tree.Root()
		l.report.Root = tree.Root().String()
	}
	l.report.Leaves = l.size
	return nil
}

// readCheckpoints compares the checkpoints with the roots of the leaves, and with the one that was kept.
func (l *storedLog) readCheckpoints(ctx context.Context, conn *sql.Conn, o VerifyOptions) error {
	// There may be newer ones by now, of an anchoring that was after the leaves were read.
	rows, err := sqlcgen.New(conn).ListCheckpoints(ctx, l.size)
	if err != nil {
		return translate(err, "reading the checkpoints")
	}
	l.report.Checkpoints = len(rows)
	missing := make(map[int64]bool, len(l.ends))
	for size := range l.ends {
		missing[size] = true
	}
	instances := map[string]bool{l.report.Instance: true}
	for i, r := range rows {
		delete(missing, r.Size)
		end, anchored := l.ends[r.Size]
		c, err := ledger.ParseCheckpoint(r.Note)
		if err == nil {
			instances[c.Instance] = true
		}
		if !anchored {
			end.last = l.leafAt(r.Size - 1)
		}
		at := LedgerProblem{Symbol: end.last.Symbol, Model: end.last.Model, Position: end.last.Position}
		name := fmt.Sprintf("the checkpoint of %d leaves", r.Size)
		switch {
		case !anchored:
			at.Message = name + " is at a size at which none was made"
		case err != nil:
			at.Message = name + " can't be read: " + etf.WithoutRemedy(err)
		case c.Size != r.Size || c.Root.String() != r.Root || c.Signed() != r.IsSigned:
			at.Message = name + " has a note that says something else"
		case c.Instance != l.report.Instance:
			at.Message = fmt.Sprintf("%s is of instance %s, but the log of %s", name, c.Instance, l.report.Instance)
		case c.Root != l.roots[r.Size]:
			at.Message = name + " is not that of the stored leaves: a leaf up to there has been changed, or the checkpoint"
		case r.MadeAt.UnixMicro() != end.at:
			at.Message = name + " was not made at the instant of its leaves"
		}
		if at.Message != "" {
			l.problem(at)
			continue
		}
		if i == len(rows)-1 {
			l.report.Signed = c.Signed()
		}
		if o.PublicKey != "" && c.Signed() {
			switch err := c.CheckSignature(o.PublicKey); {
			case err == nil:
			case fieldOf(err) == "checkpoint":
				at.Message = name + ": " + etf.WithoutRemedy(err)
				l.problem(at)
			case i == len(rows)-1: // earlier ones may have been signed with an earlier key
				return err
			}
		} else if o.PublicKey != "" && i == len(rows)-1 {
			return c.CheckSignature(o.PublicKey)
		}
	}
	for _, size := range slices.Sorted(maps.Keys(missing)) {
		last := l.ends[size].last
		l.leafProblem(last, fmt.Sprintf("the checkpoint of %d leaves is missing", size))
	}
	return l.compare(o.kept(), instances)
}

// kept returns the checkpoints that were kept, ascending by size.
func (o VerifyOptions) kept() []ledger.Checkpoint {
	list := slices.Clone(o.Earlier)
	if o.Against != nil {
		list = append(list, *o.Against)
	}
	slices.SortStableFunc(list, func(a, b ledger.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return list
}

// compare compares the log with the checkpoints that were kept, ascending by size. The problem is the first that is not the log's.
func (l *storedLog) compare(list []ledger.Checkpoint, instances map[string]bool) error {
	if len(list) == 0 {
		return nil
	}
	l.report.Against = list[len(list)-1].Size
	if l.size == 0 {
		l.problem(LedgerProblem{Message: fmt.Sprintf("the ledger is empty, but the checkpoint you kept is of %d leaves", l.report.Against)})
		return nil
	}
	same := int64(1) // the first leaves that are known to be those that were kept: at least the one that names the instance
	for _, kept := range list {
		root, known := l.roots[kept.Size]
		switch {
		case kept.Instance != l.report.Instance && !instances[kept.Instance]:
			return kept.SameLog(l.report.Instance)
		case !known:
			l.problem(LedgerProblem{Message: fmt.Sprintf("the log has %d leaves, but the checkpoint you kept is of %d: some were removed", l.size, kept.Size)})
			return nil
		case root != kept.Root:
			p := LedgerProblem{Message: fmt.Sprintf("the first %d leaves are not those of the checkpoint you kept: the log has been rewritten since", kept.Size)}
			if kept.Instance == l.report.Instance {
				p.Message += l.suspects(same, kept.Size, len(list) == 1)
				if leaf := l.leafAt(same); kept.Size == same+1 {
					p.Symbol, p.Model, p.Position = leaf.Symbol, leaf.Model, leaf.Position
				}
			}
			l.problem(p)
			return nil
		}
		same = kept.Size
	}
	return nil
}

// suspects says of which chains and positions some must have been rewritten, if the leaves up to a number are as they were, and those
// from there up to another are not.
func (l *storedLog) suspects(from, to int64, alone bool) string {
	const named = 10
	if to-from > named {
		text := fmt.Sprintf("; what was changed is anchored by one of leaves %d to %d", from, to-1)
		if alone {
			text += ", and more checkpoints would tell which (--against a folder of them)"
		}
		return text
	}
	var list []string
	for number := from; number < to; number++ {
		leaf, before := l.leafAt(number), int64(0)
		for _, x := range l.chains[chainOf(leaf)] {
			if x.number < number {
				before = max(before, x.position)
			}
		}
		positions := strconv.FormatInt(leaf.Position, 10)
		if before+1 < leaf.Position {
			positions = fmt.Sprintf("%d to %d", before+1, leaf.Position)
		}
		list = append(list, fmt.Sprintf("%s %s %s", leaf.Symbol, leaf.Model, positions))
	}
	return "; what was changed is among " + strings.Join(list, ", ")
}

// readHashes compares the stored hashes of the tree with those of the leaves.
func (l *storedLog) readHashes(ctx context.Context, conn *sql.Conn) error {
	var first, count, at int64
	var hashes []byte
	wrong := int64(-1)
	all := int64(len(l.hashes) / tlog.HashSize)
	err := eachRowOf(ctx, conn, "SELECT first_hash, hash_count, hashes FROM ledger_hashes WHERE first_hash < ? ORDER BY first_hash", []any{all}, func() {
		if wrong >= 0 {
			return
		}
		if first != at || int64(len(hashes)) != count*tlog.HashSize || first+count > all {
			wrong = at
			return
		}
		want := l.hashes[at*tlog.HashSize : (at+count)*tlog.HashSize]
		if i := slices.IndexFunc(indexes(count), func(i int64) bool {
			return string(hashes[i*tlog.HashSize:(i+1)*tlog.HashSize]) != string(want[i*tlog.HashSize:(i+1)*tlog.HashSize])
		}); i >= 0 {
			wrong = at + int64(i)
		}
		at += count
	}, &first, &count, &hashes)
	if err != nil {
		return translate(err, "reading the hashes of the ledger")
	}
	if wrong < 0 && at != all {
		wrong = at
	}
	if wrong >= 0 {
		level, n := tlog.SplitStoredHashIndex(wrong)
		number := n << level
		l.leafProblem(l.leafAt(number), fmt.Sprintf("hash %d of the log, over leaves from %d on, is missing or is not that of the stored leaves", wrong, number))
	}
	return nil
}

func indexes(n int64) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = int64(i)
	}
	return list
}

func (l *storedLog) leafAt(number int64) ledger.Leaf {
	for c, list := range l.chains {
		for _, x := range list {
			if x.number == number {
				return ledger.Leaf{Symbol: c.symbol, Model: c.model, Position: x.position, Hash: x.hash}
			}
		}
	}
	return ledger.Leaf{}
}

// partTables are the tables with the parts of forecasts that their hashes cover.
var partTables = []string{"forecast_points", "forecast_components", "forecast_fits", "forecast_marks", "forecast_tails", "forecast_provenance", "forecast_raw"}

// countParts counts the rows of all parts and forecasts.
func countParts(ctx context.Context, q queryer) (int64, error) {
	var sum, n int64
	for _, table := range append([]string{"forecasts"}, partTables...) {
		if err := eachRowOf(ctx, q, "SELECT COUNT(*) FROM "+table, nil, func() { sum += n }, &n); err != nil {
			return 0, translate(err, "counting the rows of "+table)
		}
	}
	return sum, nil
}

// verification verifies chains.
type verification struct {
	store  *Store
	limit  int
	leaves map[chain][]anchoredLeaf
	parts  atomic.Int64 // rows read that belong to a forecast, and forecasts

	names      map[uint32]*names // of the ETFs whose forecasts carry several symbols, or one that another ETF has had
	starts     map[chain][]int64 // the positions from which on they carry one, ascending
	mu         sync.Mutex
	claimed    map[chain]int // how many leaves belong to chains
	etfs       int
	count      int
	forecasts  int64
	unanchored int64
	broken     int
	problems   []LedgerProblem
}

// chains verifies all chains, one ETF after another in each of a few workers.
func (v *verification) chains(ctx context.Context, conn *sql.Conn) error {
	symbols, err := symbolsOf(ctx, conn)
	if err != nil {
		return err
	}
	if v.names, err = allNames(ctx, sqlcgen.New(conn), symbols); err != nil {
		return translate(err, "reading which symbols forecasts carry")
	}
	v.starts = startsOf(v.names)
	v.claimed = map[chain]int{}
	ids := make(chan uint32)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(ids)
		for _, id := range slices.Sorted(maps.Keys(symbols)) {
			select {
			case ids <- id:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	// One more than can compute: while it does, another may wait for the server.
	for range min(runtime.GOMAXPROCS(0)+1, 8) {
		group.Go(func() error {
			r, err := v.store.newPartReader(ctx)
			if err != nil {
				return err
			}
			defer r.close()
			for id := range ids {
				if err := v.etf(ctx, r, id, symbols[id], ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return translate(err, "reading the chains")
	}
	v.etfs = len(symbols)
	for c, list := range v.leaves {
		if v.claimed[c] < len(list) {
			v.problem(LedgerProblem{Symbol: c.symbol, Model: c.model, Position: 1,
				Message: fmt.Sprintf("the chain of %s and %s is missing, of which leaf %d anchors position %d", c.symbol, c.model, list[0].number, list[0].position)})
		}
	}
	return nil
}

// startsOf returns from which positions on chains carry a symbol that is marked.
func startsOf(all map[uint32]*names) map[chain][]int64 {
	starts := map[chain][]int64{}
	for _, n := range all {
		for model, list := range n.marks {
			for _, m := range list {
				c := chain{m.symbol, model}
				starts[c] = append(starts[c], m.from)
			}
		}
	}
	for _, list := range starts {
		slices.Sort(list)
	}
	return starts
}

// leavesOf hands out the leaves of a chain from a position on, up to the one before which another ETF's begins, or the same one's again.
func (v *verification) leavesOf(c chain, from int64) []anchoredLeaf {
	before := int64(math.MaxInt64)
	for _, start := range v.starts[c] {
		if start > from {
			before = start
			break
		}
	}
	var list []anchoredLeaf
	for _, leaf := range v.leaves[c] {
		if leaf.position >= from && leaf.position < before {
			list = append(list, leaf)
		}
	}
	slices.SortStableFunc(list, func(a, b anchoredLeaf) int { return cmp.Compare(a.position, b.position) })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.claimed[c] += len(list)
	return list
}

func (v *verification) problem(p LedgerProblem) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken++
	v.problems = append(v.problems, p)
}

// etf verifies the chains of an ETF, or only that of a model.
func (v *verification) etf(ctx context.Context, r *partReader, id uint32, symbol etf.Symbol, model string) error {
	var c *chainCheck
	var after storedForecast
	carried := v.names[id]
	marked := 0
	for {
		page, err := r.forecasts(ctx, id, symbol, model, after)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			v.end(c)
			if carried != nil && model == "" {
				v.unmarked(symbol, carried, marked)
			}
			return nil
		}
		parts, err := r.read(ctx, page)
		if err != nil {
			return err
		}
		v.parts.Add(parts + int64(len(page)))
		for i := range page {
			f := &page[i]
			starts := false
			if carried != nil {
				carried.set(&f.Forecast)
				if starts = carried.at(f.Model, f.Chain).from == f.Chain; starts {
					marked++
				}
			}
			switch {
			case c == nil || c.model != f.Model:
				v.end(c)
				c = &chainCheck{chain: chain{f.Symbol, f.Model}}
				from := int64(1)
				if starts {
					from = f.Chain
				}
				c.leaves = v.leavesOf(c.chain, from)
			case starts:
				c.ended()
				c.chain.symbol = f.Symbol
				c.leaves = v.leavesOf(c.chain, f.Chain)
			}
			if starts && c.problem == nil && f.Chain > c.position {
				c.position = f.Chain - 1 // positions go on after those that other ETFs have had under the symbol
			}
			c.check(f, r)
		}
		after = page[len(page)-1]
	}
}

// unmarked reports marks of chains at positions that are not stored: somebody has added them, or removed forecasts.
func (v *verification) unmarked(symbol etf.Symbol, carried *names, found int) {
	all := 0
	for _, list := range carried.marks {
		all += len(list)
	}
	if found < all {
		v.problem(LedgerProblem{Symbol: symbol, Message: fmt.Sprintf("%d rows of chain_symbols name positions of %s that are not stored", all-found, symbol)})
	}
}

// end adds up what a chain's check has found.
func (v *verification) end(c *chainCheck) {
	if c == nil {
		return
	}
	c.ended()
	if c.problem != nil {
		v.problem(*c.problem)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	v.forecasts += c.forecasts
	v.unanchored += c.unanchored
}

// chainCheck follows one chain.
type chainCheck struct {
	chain
	leaves     []anchoredLeaf // those still to come, ascending by position
	position   int64
	previous   string
	forecasts  int64
	unanchored int64
	problem    *LedgerProblem // the first
	text       []byte
}

// ended notes leaves of positions that did not come.
func (c *chainCheck) ended() {
	if c.problem != nil || len(c.leaves) == 0 {
		return
	}
	last := c.leaves[0]
	c.problem = &LedgerProblem{Symbol: c.symbol, Model: c.model, Position: c.position + 1,
		Message: fmt.Sprintf("the chain of %s and %s ends at position %d, but leaf %d anchors position %d", c.symbol, c.model, c.position, last.number, last.position)}
}

func (c *chainCheck) check(f *storedForecast, r *partReader) {
	c.forecasts++
	if c.problem != nil {
		return
	}
	var reason string
	switch text, err := f.text(c.text[:0]); {
	case f.Chain != c.position+1:
		reason = fmt.Sprintf("position %d follows %d", f.Chain, c.position)
	case f.PrevHash != c.previous:
		reason = "its previous hash is not the hash of the position before"
	case err != nil:
		reason = etf.WithoutRemedy(err)
	case ledger.LinkHash(f.PrevHash, text) != f.Hash:
		reason = etf.ErrAltered.Error()
	case f.reason != "":
		reason = f.reason
	default:
		reason = r.checkFit(f)
		c.text = text
	}
	anchored := false
	for reason == "" && len(c.leaves) > 0 && c.leaves[0].position == f.Chain {
		if leaf := c.leaves[0]; leaf.hash != f.Hash {
			reason = fmt.Sprintf("its hash is not the one that leaf %d anchors", leaf.number)
		}
		c.leaves, anchored = c.leaves[1:], true
	}
	if reason != "" {
		c.problem = &LedgerProblem{Symbol: c.symbol, Model: c.model, Position: f.Chain, Forecast: f.ID, Message: linkMessage(f.ID, f.Chain, c.symbol, c.model, reason)}
		return
	}
	c.position, c.previous = f.Chain, f.Hash
	if c.unanchored++; len(c.leaves) > 0 || anchored {
		c.unanchored = 0
	}
}
