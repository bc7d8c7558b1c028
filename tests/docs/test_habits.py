"""What runs before a commit and in public is what `make` runs; nothing else has to be learnt."""

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def commands_of(target: str) -> list[str]:
    """Return the commands of a target of the Makefile, as a shell sees them."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    return [line.strip().removeprefix("@").replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]


def jobs() -> dict[str, Any]:
    return dict(yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"])


def test_hooks_before_a_commit_are_the_commands_of_make_check() -> None:
    configuration = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in configuration["repos"] for hook in repository["hooks"]]

    assert [hook["entry"] for hook in hooks] == commands_of("check")
    assert {repository["repo"] for repository in configuration["repos"]} == {"local"}


def test_public_ci_runs_what_a_developer_runs_on_every_python_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [each.rpartition(" ")[2] for each in project["classifiers"] if "Python ::" in each]
    commands = {step["run"] for job in jobs().values() for step in job["steps"] if "run" in step}

    assert jobs()["test"]["strategy"]["matrix"]["python"] == named
    assert commands == {".ci/run", "make coverage", "make test-wheel"}


def test_actions_of_public_ci_are_pinned_by_commit() -> None:
    used = [step["uses"] for job in jobs().values() for step in job["steps"] if "uses" in step]

    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
def test_scripts_of_ci_can_be_run(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    helped = re.findall(r"^([a-z-]+):[^#\n]*## \S", makefile, re.MULTILINE)

    assert sorted(phony.split()) == sorted(helped)
