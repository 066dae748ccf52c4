"""A name for a file that nobody chose: what stands there already isn't ours to write over."""

from __future__ import annotations

from itertools import count
from pathlib import Path


def free_name(name: str) -> Path:
    """The name in the working folder, with a number behind it where there is such a file."""
    path = Path(name).absolute()
    for i in count(2):
        if not path.exists():
            break
        path = path.with_name(f"{Path(name).stem}-{i}{path.suffix}")
    return path
