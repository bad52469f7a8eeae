"""Who counts as one network, and how many of it may come in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.callers import Callers, network_of
from gateway.smtp.limits import Limits
from gateway.smtp.replies import Event
from gateway.smtp.spool import SpoolFile, remove_leftovers


@pytest.mark.parametrize(
    ("peer", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_networks(peer: str, other: str, is_same: bool) -> None:
    assert (network_of(peer) == network_of(other)) is is_same


def test_limits_in_order() -> None:
    callers = Callers(Limits(connections=4, connections_per_network=2, new_per_network_and_minute=3))
    assert [callers.enter("a", 0.0) for _ in range(3)] == [None, None, Event.TOO_MANY_FROM_YOU]
    callers.leave("a")
    # The fourth of this minute, though there is room.
    assert callers.enter("a", 59.0) is Event.TOO_MANY_FROM_YOU
    assert callers.enter("a", 61.0) is None
    assert callers.enter("b", 61.0) is None
    assert callers.enter("", 61.0) is None
    assert callers.enter("c", 61.0) is Event.TOO_MANY_CONNECTIONS
    assert callers.is_crowded


def test_zero_is_off_and_local_sockets_have_no_network() -> None:
    callers = Callers(Limits(connections=0, connections_per_network=1, new_per_network_and_minute=0))
    assert [callers.enter("", 0.0) for _ in range(1000)] == [None] * 1000
    assert not callers.is_crowded


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans())))
def test_counts_never_leak(steps: list[tuple[str, bool]]) -> None:
    callers = Callers(Limits(connections=5, connections_per_network=3, new_per_network_and_minute=0))
    inside: list[str] = []
    for network, comes in steps:
        if comes:
            if callers.enter(network, 0.0) is None:
                inside.append(network)
        elif network in inside:
            inside.remove(network)
            callers.leave(network)
        assert callers.total == len(inside) <= 5
        assert all(inside.count(network) <= 3 for network in inside)
    for network in inside:
        callers.leave(network)
    assert callers.total == 0
    assert not callers._networks


def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """A process that starts owns no spool file yet, so one with its number is a dead namesake's."""
    SpoolFile(tmp_path).close()
    dead, alive = tmp_path / "999999999-x.spool", tmp_path / f"{os.getppid()}-x.spool"
    others = tmp_path / "notes.txt", tmp_path / "x.spool"
    for path in (dead, alive, *others):
        path.touch()
    remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == {alive, *others}
