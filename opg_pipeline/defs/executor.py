"""The async executor, with run termination. Everything else is dagster-async-executor's (see docs/adr/0003)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio
import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._utils.interrupts import check_captured_interrupt
from dagster_async_executor.executor import AsyncExecutor

if TYPE_CHECKING:
    from dagster import DagsterEvent

_POLL_SECONDS = 0.3


class TerminableAsyncExecutor(AsyncExecutor):  # type: ignore[misc]
    """Stops its steps when the run is asked to stop, which the parent class ignores (the run then stays CANCELING).

    Dagster captures the interrupt while steps run; a watcher beside the steps polls for it and cancels their task group.
    """

    async def _async_execution_iterator(self, job_context: Any, active: Any) -> AsyncIterator[DagsterEvent]:
        send, receive = anyio.create_memory_object_stream[Any](100)
        interrupted = False

        async def produce(scope: anyio.CancelScope) -> None:
            async with send:
                with scope:
                    async for event in super(TerminableAsyncExecutor, self)._async_execution_iterator(
                        job_context, active
                    ):
                        await send.send(event)

        async def watch(scope: anyio.CancelScope) -> None:
            nonlocal interrupted
            while not scope.cancel_called:
                await anyio.sleep(_POLL_SECONDS)
                if check_captured_interrupt():
                    interrupted = True
                    active.mark_interrupted()
                    scope.cancel()

        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()
            group.start_soon(produce, scope)
            group.start_soon(watch, scope)
            async with receive:
                async for event in receive:
                    yield event
            scope.cancel()
            group.cancel_scope.cancel()
        if interrupted:
            raise dg.DagsterExecutionInterruptedError


def build_executor(kind: str, max_concurrent: int) -> dg.ExecutorDefinition:
    """The executor of ingest and publish: `async` (steps share one process and its event loop) or `in_process`."""
    if kind == "in_process":
        return dg.in_process_executor

    @dg.executor(name="opg_async", config_schema={"max_concurrent": dg.Field(int, default_value=max_concurrent)})
    def opg_async(context: dg.InitExecutorContext) -> dg.Executor:
        limit = context.executor_config["max_concurrent"]
        return TerminableAsyncExecutor(retries=RetryMode.DISABLED, max_concurrent=limit)

    return opg_async
