import os
import re
from pathlib import Path

import pytest

from deploy.embedded.folder import FolderError, Owner, announce, own_folder, read_owner


def test_a_folder_has_one_owner_and_says_who(tmp_path: Path) -> None:
    folder = tmp_path / "database"
    with own_folder(folder) as lock:
        announce(lock, 4711)
        assert read_owner(folder) == Owner(os.getpid(), 4711)
        with pytest.raises(FolderError, match=rf"in use .*process {os.getpid()}, http://127\.0\.0\.1:4711"):
            own_folder(folder).__enter__()


def test_a_folder_is_free_again_and_its_last_owner_forgotten(tmp_path: Path) -> None:
    with own_folder(tmp_path) as lock:
        announce(lock, 4711)
    with own_folder(tmp_path):
        assert read_owner(tmp_path) is None


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(FolderError, match=re.escape("thesis.tex")):
        own_folder(tmp_path).__enter__()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_only_its_owner_may_read_the_folder(tmp_path: Path) -> None:
    with own_folder(tmp_path / "database"):
        assert (tmp_path / "database").stat().st_mode & 0o077 == 0
