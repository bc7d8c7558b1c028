"""A forecast in a process of its own: the same answer, and no wait without an end."""

from datetime import timedelta

import pytest

from api.batches import forecasting
from api.batches.forecasting import expected, in_a_process
from api.http.refusals import RateLimited
from domain.forecast.past_calls import DEFAULT_CALLS
from tests.domain.forecasts import a_question

pytestmark = pytest.mark.process


async def test_forecast_of_another_process_is_the_same() -> None:
    question = a_question(20, DEFAULT_CALLS, default_call_variables={"note": "long"})

    assert await in_a_process(question) == expected(question)


async def test_forecast_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "LONGEST", timedelta())

    with pytest.raises(RateLimited):
        await in_a_process(a_question(20, DEFAULT_CALLS))
