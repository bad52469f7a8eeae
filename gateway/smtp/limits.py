"""How much one caller, and all of them, may ask of the front door. Every number is a setting (RFC 5321 section 4.5.3)."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times are seconds, sizes are bytes; the last allowed value is the limit itself, and 0 switches a count off.

    A network is one IPv4 address or one IPv6 /64.
    """

    connections: int = 500
    connections_per_network: int = 50
    new_per_network_and_minute: int = 60

    session_life: float = 20 * 60
    idle: float = 300
    # Above `crowded_share` of all connections, those that only sit there make room.
    idle_when_crowded: float = 10
    crowded_share: float = 0.8
    idle_in_data: float = 180
    reply_time: float = 30

    errors: int = 10
    unknown_commands: int = 3
    # NOOP, RSET, VRFY and HELP since the last mail that we took.
    empty_commands: int = 20
    # Wrong passwords of one session, and the seconds that each costs.
    logins: int = 3
    login_delay: float = 5
    command_line: int = 2048
    greeting_name: int = 512

    recipients: int = 100
    # Of one session. Recipients that we took are not counted: a relay keeps its connection for days of mail.
    refused_recipients: int = 1000
    message_size: int = 25 * MIB
    # How far past `message_size` we listen before we hang up.
    message_excess: int = MIB
    text_line: int = 64 * KIB
    write_buffer: int = 64 * KIB
    # Mail larger than this waits on disk, not in memory.
    memory: int = MIB

    # Below this much free disk under the spool directory no mail is begun.
    free_space: int = 1 << 30
    free_share: float = 0.05
