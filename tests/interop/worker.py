"""A sending process for the tests: `gateway send` with a short lease, so that a killed one's letters need not wait minutes.

Run as a program: the lease in seconds, and "careless" for a control that forgets to claim. Settings come by environment.
"""

from __future__ import annotations

import sys
import threading
from datetime import datetime, timedelta

from gateway.flow.deliver import deliver
from gateway.house.working import WorkingHouse
from gateway.settings import load_settings
from gateway.store import outbox
from gateway.store.engine import Transaction


def main() -> None:
    lease = timedelta(seconds=float(sys.argv[1]))
    if sys.argv[2:] == ["careless"]:
        outbox.claim = claim_and_forget  # type: ignore[assignment]
    house = WorkingHouse(load_settings(None))
    never = threading.Event()
    with house.office() as office:
        while True:
            deliver(house.store, office._replace(lease=lease), house.now())
            never.wait(0.05)


def claim_and_forget(db: Transaction, now: datetime, limit: int, lease: timedelta) -> list[outbox.Letter]:
    """A claim that leaves what it takes to everybody else, as due as it was."""
    found = _claim(db, now, limit, lease)
    outbox.put_back(db, found, min((letter.at for letter in found), default=now))
    return found


_claim = outbox.claim

if __name__ == "__main__":
    main()
