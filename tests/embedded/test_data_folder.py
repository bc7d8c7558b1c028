"""One stack per data folder, and one token that only its owner may read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.data_folder import held, is_held, kept_token, read_token, write_private
from embedded.errors import DataFolderBusy

ROOT = Path(__file__).resolve().parents[2]

HOLDS = """
import sys, time
from pathlib import Path
from embedded.data_folder import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_stack_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(DataFolderBusy) as refusal, held(tmp_path):
        pass

    assert str(refusal.value).startswith(f"Another `apollo up` is using the data folder {tmp_path};")


def test_folder_is_free_again_after_its_stack_ended(tmp_path: Path) -> None:
    with held(tmp_path):
        assert is_held(tmp_path)

    assert not is_held(tmp_path)


@pytest.mark.process
def test_folder_is_free_again_after_its_stack_was_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", HOLDS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert is_held(tmp_path)
    finally:
        holder.kill()
        holder.communicate()

    assert not is_held(tmp_path)


def test_folder_is_made_when_it_is_first_held(tmp_path: Path) -> None:
    with held(tmp_path / "new" / "folder"):
        assert (tmp_path / "new" / "folder").is_dir()


def test_token_is_made_once_and_kept(tmp_path: Path) -> None:
    first, second = kept_token(tmp_path), kept_token(tmp_path)

    assert first == second == read_token(tmp_path)
    # 32 bytes are 43 characters of base64 without padding.
    assert re.fullmatch(r"gat_[A-Za-z0-9_-]{43}", first)


def test_token_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    kept_token(tmp_path)

    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_folders_have_different_tokens(tmp_path: Path) -> None:
    assert kept_token(tmp_path / "one") != kept_token(tmp_path / "two")


@pytest.mark.parametrize(
    "content",
    [pytest.param(None, id="no file"), pytest.param("", id="empty"), pytest.param("what?", id="other")],
)
def test_what_is_no_token_is_not_taken_for_one_and_is_replaced(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)

    assert read_token(tmp_path) is None
    assert read_token(tmp_path) != kept_token(tmp_path) == read_token(tmp_path)


def test_private_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o600)
