"""The torture suite's own modules, and one forge for all its tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from forge import Forge
    from power import listener

    folder = tmp_path_factory.mktemp("forge")
    with Forge(folder, listener(folder)) as forge:
        yield forge
