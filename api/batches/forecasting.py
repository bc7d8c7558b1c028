"""Where a forecast is worked out: seconds of a processor, which no other request is to wait for."""

from datetime import timedelta
from random import Random

from anyio import fail_after, to_process, to_thread

from api.http.refusals import RateLimited
from domain.forecast.forecast import Forecast, forecast
from domain.forecast.past_calls import Chance
from domain.forecast.question import ForecastQuestion

LONGEST = timedelta(seconds=60)
"""Of a forecast, the start of its process included; it takes seconds where a processor is free."""
_RETRY_AFTER_SECONDS = 10


def expected(question: ForecastQuestion) -> Forecast:
    """Work out a forecast; the same question has the same answer."""
    return forecast(question, _chance_of)


def _chance_of(course: int) -> Chance:
    return Random(course).random  # noqa: S311 - draws calls, keeps no secret


async def in_a_thread(question: ForecastQuestion) -> Forecast:
    """Work it out in this process."""
    return await to_thread.run_sync(expected, question)


async def in_a_process(question: ForecastQuestion) -> Forecast:
    """Work it out in a process that is kept for the next one. Raises RateLimited when it takes too long."""
    try:
        with fail_after(LONGEST.total_seconds()):
            return await to_process.run_sync(expected, question.without_texts(), cancellable=True)
    except TimeoutError:
        raise RateLimited(_RETRY_AFTER_SECONDS) from None
