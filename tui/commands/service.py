"""`somnus service`: the nightly sleep as the system's own timer: systemd on Linux, launchd on macOS."""

from __future__ import annotations

import argparse
import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

from memory.errors import HomeError, UsageError
from memory.paths import write_atomic
from tui.commands.shared import opened
from tui.root import Root
from tui.say import Say

LABEL = "somnus"
LATER = 1800  # seconds after which a night that was hindered, or made way, is tried again
HOW = {
    "darwin": "To switch it on: launchctl load -w {0}",
    "linux": "To switch it on: systemctl --user enable --now somnus.timer; so that it also runs while you are logged "
    "out: loginctl enable-linger",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["install", "uninstall", "status"])


def run(args: argparse.Namespace, say: Say) -> int:
    with opened(args, say, read_only=True) as root:
        files = files_for(root, sys.platform)
    if args.action == "install":
        _write(files)
        active = _tell_system(sys.platform, files, on=True)
    else:
        active = (
            _tell_system(sys.platform, files, on=False)
            if args.action == "uninstall"
            else _is_active(sys.platform)
        )
    if args.action == "uninstall":
        for path in files:
            path.unlink(missing_ok=True)
    installed = all(p.exists() for p in files)
    say.line(
        f"service   {'installed' if installed else 'not installed'}, {'active' if active else 'not active'}"
    )
    for path in files:
        say.line(f"          {path}")
    if args.action == "install":
        how = HOW["darwin" if sys.platform == "darwin" else "linux"]
        say.line(how.format(quoted(str(next(iter(files))))))
    if args.action == "install" and not active:
        say.line(
            "The files are written, but the system's scheduler can't be reached; it takes them at the next login."
        )
    say.document({"installed": installed, "active": active, "files": [str(p) for p in files]})
    return 0


def files_for(root: Root, platform: str) -> dict[Path, bytes]:
    """What is to be written where. Raises UsageError on a platform without either."""
    words = [sys.executable, "-P", "-m", "tui.cli", "--home", str(root.path), "sleep", "--if-due"]
    hour, minute = root.config.sleep_at.split(":")
    if platform == "darwin":
        agent = {
            "Label": LABEL, "ProgramArguments": words, "ProcessType": "Background", "LowPriorityIO": True,
            "StartCalendarInterval": {"Hour": int(hour), "Minute": int(minute)}, "StartInterval": LATER,
        }  # fmt: skip
        return {Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist": plistlib.dumps(agent)}
    if platform.startswith("linux"):
        folder = (
            Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
        )
        command = " ".join(map(quoted, words))
        # Nothing to do, the app has the home, it made way for the user: none is a failure of the unit.
        service = (
            "[Unit]\nDescription=somnus sleeps\n\n[Service]\nType=oneshot\nNice=15\nKillSignal=SIGINT\n"
            f"SuccessExitStatus=3 5 130\nExecStart={command}\n"
        )
        timer = (
            "[Unit]\nDescription=somnus sleeps every night\n\n[Timer]\n"
            f"OnCalendar=*-*-* {hour}:{minute}:00\nOnUnitInactiveSec={LATER}\nPersistent=true\n\n"
            "[Install]\nWantedBy=timers.target\n"
        )
        return {
            folder / f"{LABEL}.service": service.encode(),
            folder / f"{LABEL}.timer": timer.encode(),
        }
    raise UsageError(
        f"There is no service for {platform}; `somnus daemon` does the same while it runs."
    )


def quoted(word: str) -> str:
    """A word of a systemd command line: quoted, with its percent and dollar signs taken literally."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _write(files: dict[Path, bytes]) -> None:
    for path, data in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, data)
        except OSError as error:
            raise HomeError(f"{path} can't be written ({error.strerror}).") from error


def _tell_system(platform: str, files: dict[Path, bytes], *, on: bool) -> bool:
    """Switch it on or off; whether it is on afterwards."""
    if platform == "darwin":
        _system(["launchctl", "load" if on else "unload", "-w", str(next(iter(files)))])
    else:
        _system(["systemctl", "--user", "daemon-reload"])
        _system(["systemctl", "--user", "enable" if on else "disable", "--now", f"{LABEL}.timer"])
    return _is_active(platform)


def _is_active(platform: str) -> bool:
    if platform == "darwin":
        return _system(["launchctl", "list", LABEL])
    return _system(["systemctl", "--user", "is-active", "--quiet", f"{LABEL}.timer"])


def _system(words: list[str]) -> bool:
    """Whether a command of the system's scheduler succeeded; False where there is none."""
    if shutil.which(words[0]) is None:
        return False
    return subprocess.run(words, capture_output=True, check=False, timeout=30).returncode == 0
