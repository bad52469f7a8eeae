"""A process that has loaded the program and forks for each command: `servers.gateway` asks it.

In: one JSON line for each command on standard input: words, folder, environment, files for what it says. Out: its exit code. A
start of the program takes a second of CPU, and tests with real programs need hundreds.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, NoReturn

import gateway.cli
import gateway.flow.importing
import gateway.house.working
import gateway.store.people_tables


def main() -> None:
    """Until the end of input."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(order: dict[str, Any]) -> NoReturn:
    """In the child: the command as a new process would run it."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    for handle, path in enumerate((os.devnull, order["out"], order["err"])):
        file = os.open(path, os.O_RDWR)
        os.dup2(file, handle)
        os.close(file)
    sys.argv = ["gateway", *order["words"]]
    code = 1
    try:
        gateway.cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - told as Python itself would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
