"""Checks of every response, beside schemathesis' own.

A refusal has to be one that helps: a problem document that names its type, what is wrong and, for a bad request, the field and the
remedy. A request that the document allows may be refused with 400 or 412 only for what an OpenAPI document can't say: STATED lists
that by operation and field, each with its reason. Everything else that is refused so is a mistake of the document or of the server.
"""

import ast
import atexit
import json
import os
import re
import sys
import threading

import schemathesis

if sys.version_info < (3, 11, 8):
    # Two threads that parse at the same time disturb each other there (github.com/python/cpython/issues/106905).
    _parse, _parsing = ast.parse, threading.RLock()

    def _parse_alone(*args, **kwargs):
        with _parsing:
            return _parse(*args, **kwargs)

    ast.parse = _parse_alone

# (operations, fields, messages, the reason why the document can't say it); all three are regular expressions for the whole text.
STATED = [
    (r"list\w+|getRun|getBacktest|getBackfill", r"cursor", r".*", "a cursor is opaque, and belongs to one query"),
    (r".*", r"session|sessions\[\d+\]|from|to|origin|ex|record|pay|announced|listed|delisted|last|values\[\d+\]\.session", r"the year of .* is out of range",
     "format: date has no bounds; info.description names the years"),
    (r".*", r"session|sessions\[\d+\]|from|to|origin|ex|listed|values\[\d+\]\.session|entries\[\d+\]\.\w+", r".* is out of range for the calendar of .*",
     "calendars end some years ahead; each release moves the end"),
    (r"createETF|editETF", r"isin", r'".*" is not an ISIN: its check digit would be .', "a pattern can't compute a check digit"),
    (r"createETF|editETF|renameETF", r"delisted|last", r".* is (before the listing|after the delisting|not after) .*", "fields can't be compared"),
    (r"renameETF", r"last", r".* is (not a trading day of .*|in the future|out of range for the calendar of .*)|the year of .* is out of range", "the document has no calendar and no now"),
    (r"renameETF", r"to", r".* has that symbol already", "parameters can't be compared with fields"),
    (r"importETFs", r".*", r".*", "the document can't say what a file in CSV must have"),
    (r"editETF", r"listed|delisted", r'".*" is not a date', "its pattern allows the empty text, and the 30th of February"),
    (r"list\w+", r"as_of", r'".*" is neither an instant nor a data version|.* is in the future; .*|.* has no data version .*',
     "two notations in one parameter: a pattern knows no months of 30 days, and no now"),
    (r"listFindings", r"as_of", r"data versions are those of one ETF", "needs symbol: parameters can't require one another"),
    (r"list\w+|getScoreboard", r"from|to", r".* is after .*", "parameters can't be compared"),
    (r"getLedgerConsistency", r"from|to", r".* leaves are (fewer|more) than .*", "parameters can't be compared"),
    (r"getScoreboard", r"etf", r"etf and symbol are the same", "parameters can't exclude one another"),
    (r"getScoreboard|getFreshness", r"symbol|etf", r".* is not registered", "depends on what is stored"),
    (r"getScoreboard|getFreshness|createRun|createEntries", r"exchange|symbols\[\d+\]", r".* is registered on .*, not on .*|.* trades on .*", "depends on what is stored"),
    (r"createBacktest", r"exchange", r"neither an exchange nor symbols are named", "one of the two is enough"),
    (r"createBacktest", r"symbols(\[\d+\])?", r".* is not registered|.* is registered on .*, not on .*|nothing is stored of these ETFs", "depends on what is stored"),
    (r"createBacktest", r"models", r"there is no model .*|.* is named twice|a combination needs .*", "models come with releases, and a combination needs two others"),
    (r"createBacktest", r"as_of", r".* is not an instant|.* is in the future; .*", "a pattern knows no months of 30 days, and no now"),
    (r"createBacktest", r"from", r"the first origin .* is after the last, .*", "members can't be compared"),
    (r"createBacktest", r"origins_every", r"that would be some .* forecasts; .*", "depends on what is stored"),
    (r"createBackfill", r"symbols\[\d+\]", r".* is not registered|.* is registered on .*, not on .*|.* has no source .*", "depends on what is stored"),
    (r"createBackfill", r"source", r"there is no source .*", "depends on the configured sources"),
    (r"createBackfill", r"from", r"the first session is missing|.* has no session from .*|no session from .* on has closed; .*|the calendar of .* begins on .*", "needed without refetch; depends on the calendar and the clock"),
    (r"createBackfill|listGaps", r"to", r".* is before .*|.* has not closed; .*", "members can't be compared; depends on the clock"),
    (r"createBackfill", r"refetch", r"the whole history is fetched again, not a window of it", "members can't exclude one another"),
    (r"createRun", r"symbols\[\d+\]", r".* is not registered|.* is retired", "depends on what is stored"),
    (r"getFreshness|createRun|checkFile|listOriginScores", r"session|origin", r".* (has not closed yet|does not close until|is not a trading day|does not trade|is after|is outside|is before).*",
     "depends on the exchange's calendar and the clock"),
    (r"listScores|listOriginScores|getScoreboard|getLatestForecast|listForecasts|listEntries", r"model", r'".*" is not the name of a model|there is no model .*', "depends on the configured models and on what is stored"),
    (r"listScores", r"symbol", r".* is not registered", "depends on what is stored"),
    (r"listFindings", r"rule", r"there is no rule .*", "rules come with releases: an enum would make a new one a breaking change"),
    (r"changeCalendar", r"session", r".* is (not a trading day of|out of range for the calendar of) .*|.* is more than .* days ago|\".*\" is not a date", "the document has no calendar and no now"),
    (r"createETF", r"listed", r".* was the symbol of .*", "depends on what is stored"),
    (r"createETF|editETF|renameETF", r"sources\[\d+\](\.name)?", r"there is no source .*|.* is named twice|.* given twice.*", "depends on the configured sources"),
    (r"createETF|editETF", r"listed", r".* is in the future", "depends on the clock"),
    (r"createETF|editETF", r"currency", r".*", "which currencies there are, and whether bars are stored"),
    (r"editETF", r"body", r"nothing to change is named", "by and why alone, or nulls: a schema for this would be one for each combination"),
    (r"editETF", r"If-Match", r".* is no longer in the state that the header names", "412: depends on what is stored"),
    (r"\w+Run|streamRunEvents", r"id", r"the session in run ID .* is not a date", "a pattern knows no months of 30 days"),
    (r"addAction", r"amount", r"a split has a ratio and no amount|every kind but a split needs an amount|.* is not an amount per share", "which of the two there must be follows from kind"),
    (r"addAction", r"ratio", r"only a split has a ratio|a split needs a ratio|.* is not the ratio of a split", "which of the two there must be follows from kind; 1:1 is none"),
    (r"addAction", r"by|ex|record|pay", r"that is the name of a source|.* (is not a trading day|does not trade|is after|is before).*", "depends on the calendar"),
    (r"decideAction", r"by", r"that is the name of a source", "a name that begins with source: is none of a person"),
    (r"decideFinding", r"decision", r"this is null, not a string", "no fault of the document: schemathesis fills it with a finding's decision, which may be null"),
    (r"decideFinding", r"finding", r".*", "depends on the finding and on what was decided before"),
    (r"decideFinding", r"values|sessions", r".*", "which of them there must be follows from decision"),
    (r"decideFinding", r"values(\[\d+\])?\.(open|high|low|close|volume|session)", r".*", "prices that fit one another, and sessions that the finding names"),
    (r"checkFile|createFile", r"options|currency", r".*", "each option has values of its own and may be given once (docs/sources.md)"),
    (r"createFile", r"body", r".*", "what is in a CSV"),
    (r"createEntries", r"body|entries|line \d+.*", r".*", "what is in a CSV, and an entry's origin, which depends on the calendar and the clock"),
    (r"createEntries", r"(entries\[\d+\]\.?)?(symbol|origin|points|horizons|model|late).*", r".*", "one of two forms, and what is stored, the calendar and the clock"),
]
STATED = [tuple(re.compile(p, re.DOTALL) for p in row[:3]) for row in STATED]

# Operations that can't succeed twice, or only at a certain time. prepare.py has made an entry.
NEVER_ACCEPTED = {
    "createEntries",  # an ETF and origin can be entered once, and before the next open
    "cancelBackfill",  # needs a running backfill, like the next two
    "pauseBackfill",
    "resumeBackfill",
    "cancelBacktest",  # like the next
    "getBacktestReport",  # needs a completed backtest
    "importETFs",  # needs a file that fits its columns
    "cancelRun",  # needs a run that is still running
}

accepted = {}


def operation_of(case):
    return case.operation.definition.raw.get("operationId", case.operation.label)


@schemathesis.hook.apply_to(operation_id="getLedgerConsistency")
def map_query(context, query):
    """The size of a checkpoint can't be guessed: every other valid one is replaced by that of one that exists."""
    size = query and query.get("from")
    if re.fullmatch("[1-9][0-9]*[02468]", str(size)) and "FUZZ_LEDGER_SIZE" in os.environ:
        query["from"] = os.environ["FUZZ_LEDGER_SIZE"]
    return query


@schemathesis.check
def refusal_names_field_and_remedy(ctx, response, case):
    if response.status_code < 400 or response.status_code == 503 and case.path == "/readyz":
        return
    kind = response.headers.get("content-type", [""])[0].split(";")[0]
    assert kind == "application/problem+json", f"a {response.status_code} is {kind}"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "the problem has another status"
    assert problem["type"].startswith("/problems/") and problem["title"] and problem["detail"], "the problem says nothing"
    if response.status_code in (400, 412, 413, 415):
        errors = problem.get("errors") or []
        assert errors, "no field is named"
        for error in errors:
            assert error["field"] and error["message"], f"incomplete: {error}"
            assert error.get("remedy"), f"no remedy: {error}"


@schemathesis.check
def refuses_only_what_the_document_cannot_say(ctx, response, case):
    operation = operation_of(case)
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if response.status_code < 400:
        if positive:
            accepted[operation] = accepted.get(operation, 0) + 1
        return
    accepted.setdefault(operation, 0)
    if not positive or response.status_code not in (400, 412, 413, 415):
        return
    for error in json.loads(response.content).get("errors") or []:
        field, message = error["field"], error["message"]
        assert any(o.fullmatch(operation) and f.fullmatch(field) and m.fullmatch(message) for o, f, m in STATED), (
            f"the document allows this, the server does not: {field}: {message}"
        )


@schemathesis.check
def no_internal_error(ctx, response, case):
    """A 500 is a bug even where another 5xx is allowed."""
    assert response.status_code != 500, "an internal error"


seen = {"responses": 0, "unavailable": 0}


@schemathesis.check
def rarely_unavailable(ctx, response, case):
    """503 is right when a busy machine keeps Temporal or the database from responding in time, and wrong as a habit."""
    seen["responses"] += 1
    if response.status_code == 503 and case.path != "/readyz":
        seen["unavailable"] += 1
        assert response.headers.get("retry-after"), "a 503 without Retry-After"
        assert seen["unavailable"] <= 10 + seen["responses"] // 200, f"{seen['unavailable']} of {seen['responses']} responses are 503"


@atexit.register
def report():
    """Writes the operations that accepted no valid request to the file FUZZ_NEVER_ACCEPTED: what refuses everything passes every other check."""
    if path := os.environ.get("FUZZ_NEVER_ACCEPTED"):
        with open(path, "w") as out:
            out.writelines(f"{name}\n" for name, n in sorted(accepted.items()) if n == 0 and name not in NEVER_ACCEPTED)
