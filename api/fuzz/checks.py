"""Checks of every response, beside schemathesis' own.

A refusal has to be one that helps: a problem document that names its type, what is wrong and, if a request that the
document allows is refused with 400 or 412, the field and the remedy.
"""

import json

import schemathesis


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
def no_internal_error(ctx, response, case):
    """A 500 is a bug even where another 5xx is allowed."""
    assert response.status_code != 500, "an internal error"
