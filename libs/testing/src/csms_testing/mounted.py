"""A directory in which files change as in a secret that Kubernetes mounts: all of them at once, behind a link."""

import shutil
from collections.abc import Mapping
from pathlib import Path

_DATA = "..data"


class MountedSecret:
    """A directory with a link for each file, over `..data`, to the folder of the present version.

    `..data` is replaced by another link in one step; the former folder goes. (kubelet's AtomicWriter.)
    """

    def __init__(self, directory: Path, files: Mapping[str, bytes]) -> None:
        """Make the directory and mount the first version."""
        directory.mkdir(parents=True)
        self.directory = directory
        self._number = 0
        self.replace(files)

    def __getitem__(self, name: str) -> Path:
        """Return the path of a file, as a setting would name it."""
        return self.directory / name

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Mount another version."""
        former, self._number = f"..{self._number}", self._number + 1
        present = self.directory / f"..{self._number}"
        present.mkdir()
        for name, content in files.items():
            (present / name).write_bytes(content)
        link = self.directory / "..data_tmp"
        link.symlink_to(present.name)
        link.replace(self.directory / _DATA)
        for name in files:
            if not self[name].is_symlink():
                self[name].symlink_to(f"{_DATA}/{name}")
        shutil.rmtree(self.directory / former, ignore_errors=True)
