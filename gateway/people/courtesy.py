"""How many letters nobody minds from a machine (reliability B0): the limits of `flow.courtesy`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Courtesy:
    """So many questions to people who may have asked for nothing: to one address a day, for mail from one network (IPv4 /24,
    IPv6 /64) an hour, in all an hour; 0: none.
    """

    questions_per_address_and_day: int = 1
    questions_per_network_and_hour: int = 5
    questions_per_hour: int = 200


DEFAULT: Final = Courtesy()
