"""The peer of `etfcast api` for bench/api: its three endpoints with FastAPI, SQLAlchemy and orjson, on the same database.

    ETFCAST_BENCH_DSN=mysql+asyncmy://... uvicorn peer:app --workers 2 --loop uvloop --http httptools

It is written to be fast: asynchronous driver in C, SQLAlchemy's Core without the ORM, two or three statements a request, no
validation of responses. It verifies no hashes and knows neither provisional nor retracted prices.
"""

import os
from collections import defaultdict
from datetime import date, datetime, timezone

import orjson
from fastapi import FastAPI, HTTPException, Response
from sqlalchemy import Column, Date, DateTime, Float, Integer, MetaData, Numeric, String, Table, func, select
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["ETFCAST_BENCH_DSN"], pool_size=16, max_overflow=0)
app = FastAPI()
meta = MetaData()

etfs = Table("etfs", meta, Column("id", Integer, primary_key=True), Column("symbol", String), Column("exchange", String), Column("currency", String), Column("data_version", Integer))
bars = Table("bars", meta, Column("etf_id", Integer, primary_key=True), Column("session", Date, primary_key=True),
             *(Column(c, Numeric(20, 8)) for c in ("open", "high", "low", "close", "adj_close")), Column("volume", Numeric(24, 4)), Column("basis", String),
             Column("source", String), Column("fetch_id", String), Column("quarantined", Integer), Column("data_version", Integer), Column("known_from", DateTime))
forecasts = Table("forecasts", meta, Column("id", String, primary_key=True), Column("etf_id", Integer), Column("model", String), Column("origin", Date), Column("data_version", Integer),
                  Column("data_version_writer", String), Column("basis", String), Column("params", String), Column("params_hash", String), Column("seed", Integer), Column("code_version", String),
                  Column("diagnostics", String), Column("run_id", String), Column("as_of", DateTime), Column("issued_at", DateTime), Column("chain", Integer), Column("prev_hash", String), Column("hash", String))
QUANTILES = {"q05": "0.05", "q10": "0.1", "q25": "0.25", "q50": "0.5", "q75": "0.75", "q90": "0.9", "q95": "0.95"}
points = Table("forecast_points", meta, Column("forecast_id", String, primary_key=True), Column("horizon", Integer, primary_key=True), Column("target", Date), Column("mean", Float),
               *(Column(q, Float) for q in QUANTILES))
findings = Table("findings", meta, Column("id", String, primary_key=True), Column("etf_id", Integer), Column("severity", String))


def answer(value) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z), media_type="application/json")


def point(p):
    return {"horizon": p.horizon, "target": p.target, "mean": p.mean, "quantiles": {name: getattr(p, q) for q, name in QUANTILES.items()}}


def number(x):
    return None if x is None else float(x)


@app.get("/v1/etfs/{symbol}/forecasts/latest")
async def latest(symbol: str, model: str = "drift"):
    async with engine.connect() as db:
        f = (await db.execute(select(forecasts, etfs.c.symbol).join(etfs, etfs.c.id == forecasts.c.etf_id)
                              .where(etfs.c.symbol == symbol, forecasts.c.model == model).order_by(forecasts.c.origin.desc(), forecasts.c.chain.desc()).limit(1))).first()
        if f is None:
            raise HTTPException(404)
        rows = (await db.execute(select(points).where(points.c.forecast_id == f.id).order_by(points.c.horizon))).all()
    return answer({
        "id": f.id, "symbol": f.symbol, "model": f.model, "origin": f.origin, "basis": f.basis, "points": [point(p) for p in rows], "run": f.run_id,
        "code_version": f.code_version, "data_version": {"number": f.data_version, "writer": f.data_version_writer}, "as_of": f.as_of, "issued_at": f.issued_at,
        "seed": str(f.seed), "params": orjson.Fragment(f.params or "{}"), "params_hash": f.params_hash, "diagnostics": orjson.Fragment(f.diagnostics or "{}"),
        "chain": {"position": f.chain, "prev_hash": f.prev_hash, "hash": f.hash}})


@app.get("/v1/etfs/{symbol}/bars")
async def list_bars(symbol: str, limit: int = 250):
    async with engine.connect() as db:
        e = (await db.execute(select(etfs.c.id, etfs.c.currency).where(etfs.c.symbol == symbol))).first()
        if e is None:
            raise HTTPException(404)
        rows = (await db.execute(select(bars).where(bars.c.etf_id == e.id).order_by(bars.c.session).limit(limit))).all()
    return answer({"symbol": symbol, "currency": e.currency, "items": [{
        "session": b.session, "open": number(b.open), "high": number(b.high), "low": number(b.low), "close": number(b.close), "adj_close": number(b.adj_close),
        "volume": number(b.volume), "basis": b.basis, "source": b.source, "fetch": b.fetch_id, "quarantined": bool(b.quarantined), "data_version": b.data_version,
        "known_from": b.known_from} for b in rows]})


@app.get("/v1/overview")
async def overview():
    async with engine.connect() as db:
        registered = (await db.execute(select(etfs).order_by(etfs.c.symbol))).all()
        newest = (await db.execute(select(func.max(bars.c.session)))).scalar_one()
        since = date.fromordinal(newest.toordinal() - 45)  # 30 sessions
        closes = defaultdict(list)
        for b in (await db.execute(select(bars.c.etf_id, bars.c.session, bars.c.close, bars.c.known_from).where(bars.c.session >= since, bars.c.quarantined == 0)
                                   .order_by(bars.c.etf_id, bars.c.session))).all():
            closes[b.etf_id].append(b)
        last = select(forecasts.c.etf_id, func.max(forecasts.c.origin).label("origin")).where(forecasts.c.model == "drift").group_by(forecasts.c.etf_id).subquery()
        issued = defaultdict(list)
        for p in (await db.execute(select(forecasts.c.etf_id, points).join(last, (last.c.etf_id == forecasts.c.etf_id) & (last.c.origin == forecasts.c.origin))
                                   .join(points, points.c.forecast_id == forecasts.c.id).where(forecasts.c.model == "drift", points.c.horizon.in_((1, 21))))).all():
            issued[p.etf_id].append(p)
        waiting = dict((await db.execute(select(findings.c.etf_id, func.count()).where(findings.c.severity == "error").group_by(findings.c.etf_id))).all())
    items = []
    for e in registered:
        mine = closes[e.id][-30:]
        values = [float(b.close) for b in mine]
        items.append({
            "symbol": e.symbol, "exchange": e.exchange, "currency": e.currency, "session": mine[-1].session if mine else None, "close": values[-1] if values else None,
            "previous_close": values[-2] if len(values) > 1 else None, "change": values[-1] / values[-2] - 1 if len(values) > 1 else None, "closes": values,
            "known_from": mine[-1].known_from if mine else None, "state": "ok" if mine and mine[-1].session == newest else "missing", "findings": waiting.get(e.id, 0),
            "data_version": e.data_version, "forecasts": [{"horizon": p.horizon, "target": p.target, "model": "drift", "forecast": p.forecast_id, "mean": p.mean, "low": p.q05,
                                                           "high": p.q95, "level": 0.9} for p in issued[e.id]]})
    return answer({"as_of": datetime.now(timezone.utc), "items": items})
