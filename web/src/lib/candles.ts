// Where the bars of a small chart go. Pure geometry: the components draw it.

export interface Numbers {
  open: number;
  high: number;
  low: number;
  close: number;
}

/** The range of prices that a chart shows. Prices of 0 and less are left out: they are drawn at its lower edge. */
export interface Range {
  low: number;
  high: number;
  log: boolean;
}

/** The range of some bars, with a little room. A range of more than three times is shown on a logarithmic scale. */
export function range(bars: readonly Numbers[]): Range {
  let low = Infinity;
  let high = 0;
  for (const b of bars) {
    for (const p of [b.open, b.high, b.low, b.close]) {
      if (p <= 0) continue;
      low = Math.min(low, p);
      high = Math.max(high, p);
    }
  }
  if (high === 0) return { low: 0, high: 1, log: false };
  if (high / low > 3) return { low: low / 1.15, high: high * 1.15, log: true };
  const room = Math.max((high - low) * 0.08, high * 1e-4);
  return { low: low - room, high: high + room, log: false };
}

/** How far down a price is drawn, from 0 (top) to 1. */
export function place(price: number, r: Range): number {
  if (price <= 0 && (r.log || r.low > 0)) return 1;
  const at = r.log ? Math.log(price / r.low) / Math.log(r.high / r.low) : (price - r.low) / (r.high - r.low);
  return Math.min(1, Math.max(0, 1 - at));
}

/** Round prices inside the range, at most `most` of them. */
export function ticks(r: Range, most = 4): number[] {
  if (r.log) {
    const out: number[] = [];
    for (let e = Math.floor(Math.log10(r.low)); e <= Math.ceil(Math.log10(r.high)); e++) {
      for (const m of [1, 2, 5]) {
        const p = m * 10 ** e;
        if (p >= r.low && p <= r.high) out.push(p);
      }
    }
    const step = Math.ceil(out.length / most);
    return out.filter((_, i) => i % step === 0);
  }
  const raw = (r.high - r.low) / most;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= raw) ?? raw;
  const out: number[] = [];
  for (let i = Math.ceil(r.low / step); i * step <= r.high; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}
