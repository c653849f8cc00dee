"""The executor: a run that is asked to stop stops, and one failing step stops nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg

JOB = """
import asyncio, sys
import dagster as dg
from opg_pipeline.defs.executor import build_executor

@dg.asset
async def slow():
    print("begun", flush=True)
    open(sys.argv[2], "w").close()
    await asyncio.sleep(60)

@dg.asset
async def quick():
    return 1

@dg.asset
async def broken():
    raise dg.Failure("on purpose")

def definitions():
    return dg.Definitions(assets=[slow, quick, broken], executor=build_executor("async", 4),
                          jobs=[dg.define_asset_job("stopped", [slow]), dg.define_asset_job("mixed", [quick, broken])])

def job(name):
    return definitions().resolve_job_def(name)

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        recon = dg.build_reconstructable_job("stopping_job", "job", (sys.argv[1],))
        try:
            with dg.execute_job(recon, instance=instance) as result:
                pass
        except BaseException as error:
            print(type(error).__name__)
        run = instance.get_runs(limit=1)[0]
        done = [e.dagster_event.step_key for e in instance.all_logs(run.run_id) if e.dagster_event and e.dagster_event.event_type_value == "STEP_SUCCESS"]
        print("status", run.status.value, "done", done, flush=True)
"""


def start(tmp_path: Path, name: str) -> tuple[subprocess.Popen[str], Path]:
    (tmp_path / "stopping_job.py").write_text(JOB, encoding="utf-8")
    (tmp_path / "home").mkdir()
    begun = tmp_path / "begun"
    env = {**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, str(tmp_path / "stopping_job.py"), name, str(begun)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True), begun


def test_a_run_that_is_asked_to_stop_is_canceled(tmp_path: Path) -> None:
    process, begun = start(tmp_path, "stopped")
    deadline = time.monotonic() + 120
    while not begun.exists():
        assert time.monotonic() < deadline, "the step did not begin"
        assert process.poll() is None
        time.sleep(0.1)
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        instance.report_run_canceling(instance.get_runs(limit=1)[0])  # what the UI's Terminate does first
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert "status CANCELED" in out, out


def test_a_failing_step_leaves_the_others_alone(tmp_path: Path) -> None:
    process, _ = start(tmp_path, "mixed")
    out, _ = process.communicate(timeout=120)
    assert "status FAILURE done ['quick']" in out, out
