"""The demo's stack touches nothing of the operator's, and leaves nothing but the logs of a failure."""

import shutil
from pathlib import Path

import pytest

from console.failures import CommandFailed
from embedded.demo_stack import demo_plan
from embedded.plan import StackPlan
from settings import ProviderName

pytestmark = pytest.mark.process

OURS = ("APOLLO_", "TEMPORAL_")


def work_of(plan: StackPlan, end: BaseException | None) -> None:
    """Leave behind what a stack leaves, then end as told."""
    plan.log_dir.mkdir()
    (plan.log_dir / "worker.log").write_text("it broke")
    (plan.settings.data_dir / "postgres").mkdir()
    (plan.settings.data_dir / "token").write_text("secret")
    if end is not None:
        raise end


def test_demo_stack_is_gone_without_a_trace() -> None:
    with demo_plan() as plan:
        work_of(plan, None)

    assert not plan.settings.data_dir.exists()


def test_failed_demo_keeps_its_logs_only_and_says_where() -> None:
    with pytest.raises(CommandFailed) as failed, demo_plan() as plan:
        work_of(plan, CommandFailed("Something broke"))

    data_dir = plan.settings.data_dir
    left = sorted(path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*"))
    shutil.rmtree(data_dir)
    assert str(failed.value) == f"Something broke; the logs are kept in {plan.log_dir}"
    assert left == ["logs", "logs/worker.log"]


def test_demo_that_failed_before_its_start_leaves_nothing() -> None:
    with pytest.raises(CommandFailed, match=r"^No room$"), demo_plan() as plan:
        raise CommandFailed("No room")

    assert not plan.settings.data_dir.exists()


def test_demo_that_was_stopped_leaves_nothing() -> None:
    with pytest.raises(KeyboardInterrupt), demo_plan() as plan:
        work_of(plan, KeyboardInterrupt())

    assert not plan.settings.data_dir.exists()


def test_settings_of_real_work_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APOLLO_PROVIDER", "rotary")
    monkeypatch.setenv("APOLLO_DATABASE_URL", "postgresql://real/work")
    monkeypatch.setenv("APOLLO_WEBHOOK_SECRET", "hush")
    monkeypatch.setenv("TEMPORAL_API_KEY", "hush")
    (tmp_path / ".env").write_text("APOLLO_TEMPORAL_ADDRESS=real.example:7233\n")
    monkeypatch.chdir(tmp_path)

    with demo_plan() as plan:
        settings = plan.settings
        told = {
            name: value
            for name, value in plan.environment.items()
            if name.startswith(("APOLLO_", "TEMPORAL_"))
        }

        assert (settings.provider, settings.database_url, settings.webhook_secret) == (
            ProviderName.SIMULATOR,
            None,
            None,
        )
        assert (plan.owns_database, plan.owns_temporal, plan.owns_simulator) == (True, True, True)
        assert told == {"APOLLO_WEBHOOK_SILENCE_SECONDS": "4", "APOLLO_DIAL_TIMEOUT_SECONDS": "2"}
        assert plan.working_dir == settings.data_dir
