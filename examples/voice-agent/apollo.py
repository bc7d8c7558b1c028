"""The two things an agent asks of Apollo, with a token of scope `agent`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx


class Apollo:
    """A client of Apollo's REST API."""

    def __init__(self, url: str, token: str, patience_seconds: float) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1/executions",
            headers={"Authorization": f"Bearer {token}"},
            timeout=patience_seconds,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def execution(self, execution_id: str) -> Mapping[str, object] | None:
        """Return all that is known of a call: variables, history and more; None when Apollo does not say."""
        try:
            answer = await self._client.get(f"/{execution_id}")
        except httpx.HTTPError:
            return None
        known: Mapping[str, object] | None = answer.json() if answer.is_success else None
        return known

    async def report(self, execution_id: str, disposition: str, note: str) -> bool:
        """Say what came of the talk; false when Apollo did not take it. To say it again does no harm."""
        body = {"disposition": disposition, "note": note, "answered_by": "human"}
        try:
            answer = await self._client.post(f"/{execution_id}/disposition", json=body)
        except httpx.HTTPError:
            return False
        return answer.is_success
