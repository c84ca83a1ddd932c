"""When a failed task is tried again: as soon as its error says that it makes sense."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_bitrix24.rest.errors import Bitrix24Error

#: the policy; ``None`` where Airflow has no retry policies, below 3.3
BITRIX24_RETRY_POLICY: Any = None

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    pass
else:

    class Bitrix24RetryPolicy(RetryPolicy):
        """Tries again after the ``retry_after`` of the error; otherwise as the task itself says."""

        def evaluate(
            self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
        ) -> RetryDecision:
            """Decide how a failed task is tried again.

            :param exception: why it failed
            :param try_number: number of the try that failed, from 1
            :param max_tries: tries that the task has
            :param context: the task's context
            """
            if not isinstance(exception, Bitrix24Error):
                return RetryDecision.default()
            kind = type(exception).__name__
            if exception.permanent:
                return RetryDecision.fail(f"{kind}: another try cannot help")
            if exception.retry_after is None:
                return RetryDecision.default()
            delay = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(delay, f"{kind}: the limit should be lifted then")

        def serialize(self) -> dict[str, Any]:
            """Return what the policy is built from again: nothing."""
            return {}

        @classmethod
        def deserialize(cls, data: dict[str, Any]) -> RetryPolicy:
            """Build the policy again."""
            return cls()

    BITRIX24_RETRY_POLICY = Bitrix24RetryPolicy()
