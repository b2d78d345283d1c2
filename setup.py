"""The wheel holds the runbooks of docs/ too, which `wdh serve` shows. All else: pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RUNBOOKS = Path(__file__).parent / "docs" / "runbooks"


class BuildWithRunbooks(build_py):
    """An editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            into = Path(self.build_lib) / "work_data_hub" / "runbooks"
            shutil.rmtree(into, ignore_errors=True)
            shutil.copytree(RUNBOOKS, into)


setup(cmdclass={"build_py": BuildWithRunbooks})
