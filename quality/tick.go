package quality

import "github.com/etfcast/etfcast/etf"

// one is a price of 1 in the ETF's currency.
const one etf.Price = 100_000_000

// tolerance is how far two prices of one bar may contradict each other: one tick or 0.01 % of the price, whichever is
// more.
//
// XNYS: one cent, a hundredth of a cent below 1 dollar (SEC Rule 612 of Regulation NMS). XKRX: 1 KRW; trades are in
// ticks of 5 KRW or 1 KRW, and adjusted prices are rounded to 1 KRW. The others: as XNYS, in their own currency.
// 0.01 % covers the noise of prices that went
// through a float32 (relative 6e-8) and of adjusted prices rounded to a few decimals.
func tolerance(x etf.Exchange, price etf.Price) etf.Price {
	return max(smallestTick(x, price), price/10_000)
}

func smallestTick(x etf.Exchange, price etf.Price) etf.Price {
	switch {
	case x == etf.XKRX:
		return one
	case price >= one:
		return one / 100
	default:
		return one / 10_000
	}
}

// tradingTick is the step in which prices of traded bars move: 5 KRW on XKRX, 1 KRW below 2,000.
func tradingTick(x etf.Exchange, price etf.Price) etf.Price {
	tick := smallestTick(x, price)
	if x == etf.XKRX && price >= 2000*one {
		tick *= 5
	}
	return tick
}
