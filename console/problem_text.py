"""A problem answer in one line."""

from collections.abc import Mapping

import httpx

_ERRORS_SHOWN = 3


def problem_text(answer: httpx.Response) -> str:
    """Return the problem's detail and its first field errors; for other bodies the status alone."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("detail"), str):
        return f"The API answered {answer.status_code} {answer.reason_phrase}".strip()
    errors = problem.get("errors")
    shown = [_error_text(each) for each in errors[:_ERRORS_SHOWN]] if isinstance(errors, list) else []
    if not shown:
        return str(problem["detail"])
    count = problem.get("error_count")
    left_out = count - len(shown) if isinstance(count, int) else 0
    more = [f"and {left_out} more"] if left_out > 0 else []
    return f"{problem['detail']}: {'; '.join([*shown, *more])}"


def _error_text(error: object) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    where = error.get("loc")
    place = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return f"{place}: {error.get('msg', 'wrong')}" if place else str(error.get("msg", "wrong"))
