"""Bylines: handles and badges of members, names of others, addresses of nobody."""

from __future__ import annotations

from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.address import Address
from gateway.mail.forum import Member
from gateway.people.handles import Byline, byline


def member(handle: str, badge: str = "") -> Member:
    return Member(
        id=UUID(int=1),
        forum_id=UUID(int=2),
        address=Address("Ann", "example.org"),
        handle=handle,
        badge=badge,
        zone=ZoneInfo("UTC"),
        hour=7,
        form="html",
        has_digest=True,
    )


def test_a_member_is_shown_by_handle_and_badge() -> None:
    ann = member("Annie", "Silver badge")
    assert byline("Ann Smith", "ann@example.org", {ann.address.key: ann}) == Byline("Annie", "Silver badge")


def test_a_member_may_have_no_handle() -> None:
    ann = member("", "Silver badge")
    assert byline("Ann Smith", "ann@example.org", {ann.address.key: ann}) == Byline("", "Silver badge")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ann Smith", "Ann Smith"),
        ("", ""),
        ("ann@example.org", "ann"),
        ("Ann (ann@example.org)", "Ann (ann"),
        ("@", ""),
        ("ann＠example.org", "ann"),
        ("李雷", "李雷"),
    ],
)
def test_others_are_shown_by_the_name_of_the_mail(name: str, shown: str) -> None:
    ann = member("Annie", "Gold badge")
    assert byline(name, "bob@example.org", {ann.address.key: ann}) == Byline(shown)


@given(st.text(alphabet="ab@ (\uff20"), st.text(alphabet="ab@ "), st.booleans())
def test_an_at_sign_never_gets_out(name: str, handle: str, is_member: bool) -> None:
    ann = member(handle)
    assert not set("@＠") & set(byline(name, "ann@example.org", {ann.address.key: ann} if is_member else {}).name)
