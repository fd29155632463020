"""Runs the test functions of a script, each with the built notify-cli and a folder of its own."""

import os
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main(tests):
    """Returns the exit status. The binary is the script's argument, else NOTIFY_CLI, else the debug build."""
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NOTIFY_CLI", ROOT / ".build/debug/notify-cli"))
    failed = 0
    for function in tests:
        name = function.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(binary, Path(folder))
                print(f"ok      {name}", flush=True)
            except Exception:  # noqa: BLE001 - a failed test must not stop the others
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0
