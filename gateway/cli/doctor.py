"""gateway doctor: is everything as it must be, and what to do where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gateway.cli.common import AsJson, Context

if TYPE_CHECKING:
    from datetime import timedelta

    from gateway.flow.diagnosis import Finding, Relay, Secrets
    from gateway.settings import Settings
    from gateway.store.engine import Store

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Looks at configuration, disk, secrets, database, ports, relay, clock, DNS and outbox; exit code 1 when something fails.

    Example: gateway doctor
    """
    import json
    from dataclasses import asdict

    from gateway.cli.common import quiet
    from gateway.flow.diagnosis import Grade

    quiet()
    obj: Context = ctx.obj
    findings = []
    for finding in _examine(obj.config):
        findings.append(finding)
        if not as_json:
            remedy = f" -> {finding.remedy}" if finding.remedy else ""
            typer.echo(f"{finding.grade:5} {finding.check}: {finding.reason}{remedy}")
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], ensure_ascii=False, indent=2))
    if any(one.grade is Grade.FAIL for one in findings):
        raise typer.Exit(1)


def _examine(config: Path | None) -> Iterator[Finding]:
    """Each check in its turn, so that what takes long is waited for after the others were told."""
    import sys

    from gateway.flow.diagnosis import Finding, Grade, check_zones
    from gateway.flow.holes import check_python
    from gateway.flow.symptoms import count_zones
    from gateway.settings import BadSettings, load_settings

    yield check_python(sys.version_info[:3])
    yield check_zones(count_zones())
    try:
        settings = load_settings(config)
    except BadSettings as error:
        remedy = "nothing else can be looked at before; every key stands in the config/gateway.toml that comes with the program"
        yield Finding("configuration", Grade.FAIL, "; ".join(str(error).splitlines()), remedy)
        return
    yield Finding("configuration", Grade.OK, f"{config or 'built-in defaults'} can be read")
    yield from _examine_gateway(settings)


def _examine_gateway(settings: Settings) -> Iterator[Finding]:
    from gateway.flow import diagnosis, names, symptoms
    from gateway.house import real_now

    folder = symptoms.look_at_folder(settings.data)
    yield diagnosis.check_folder(folder)
    yield diagnosis.check_disk(folder)
    yield diagnosis.check_inodes(folder)
    smtp = settings.smtp
    yield diagnosis.check_port(symptoms.look_at_port(smtp.host, smtp.port, smtp.hostname))
    yield from _examine_trust(settings)
    clocks: dict[str, timedelta] = {}
    if settings.send.courier == "relay":
        relay = _relay(settings)
        if relay.answer.at is not None:
            clocks["the relay"] = relay.answer.at - real_now()
        yield diagnosis.check_relay(relay)
    yield from _examine_store(settings, clocks)
    yield names.check_host(symptoms.look_up_host(smtp.hostname))


def _examine_trust(settings: Settings) -> Iterator[Finding]:
    from ipaddress import ip_network

    from gateway.flow import symptoms, trust
    from gateway.verify.signatures import is_available

    auth, has_library = settings.auth, is_available()
    belief = trust.Belief(
        verify_dkim=auth.verify_dkim,
        has_library=has_library,
        dns_answers=symptoms.does_dns_answer(auth.dns) if auth.verify_dkim and has_library else None,
        authserv_id=auth.authserv_id,
        border=tuple(map(ip_network, auth.border_networks)),
        trusted=tuple(map(ip_network, auth.trusted_networks)),
        is_near=settings.smtp.host in LOOPBACK,
    )
    yield trust.check_signatures(belief)
    yield trust.check_results(belief)
    yield trust.check_trusted(belief)
    signing = [settings.dkim / f"{selector}.pem" for selector in auth.dkim_selectors]
    anonymous = settings.data / "anonymous-key"
    paths = [*signing, *([anonymous] if anonymous.exists() else [])]
    yield from trust.check_keys([symptoms.look_at_private(path) for path in paths])


def _relay(settings: Settings) -> Relay:
    from gateway.flow.diagnosis import Relay
    from gateway.send.probe import ask

    send = settings.send
    return Relay(
        place=f"{send.relay_host}:{send.relay_port}",
        is_near=send.relay_host in LOOPBACK,
        tls=send.relay_tls,
        needs_auth=bool(send.relay_user),
        answer=ask(send.relay_host, send.relay_port, settings.smtp.hostname, send.relay_tls, send.relay_ca),
    )


def _examine_store(settings: Settings, clocks: dict[str, timedelta]) -> Iterator[Finding]:
    """The database, and what it tells of everything that is in it; `clocks` are those of others, less ours."""
    from gateway.flow import diagnosis, symptoms
    from gateway.flow.diagnosis import Finding, Grade
    from gateway.house import real_now
    from gateway.store.engine import StoreTrouble
    from gateway.store.health import open_briefly
    from gateway.store.snapshot import engine_of, sqlite_file

    secrets = symptoms.look_at_secrets(settings.data / "secrets")
    url = settings.database_url
    try:
        if engine_of(url) == "sqlite" and not sqlite_file(url).exists():
            yield diagnosis.check_secrets(secrets, has_letters=False)
            remedy = "gateway forum add NAME@DOMAIN makes it, or gateway restore DIR"
            yield Finding("database", Grade.WARN, f"{sqlite_file(url)} is not there yet", remedy)
            yield diagnosis.check_clock(real_now(), None, clocks)
            return
        store = open_briefly(url)
    except StoreTrouble as error:
        yield Finding("database", Grade.FAIL, str(error), "check store.url")
        return
    try:
        yield from _examine_contents(store, settings.smtp.hostname, secrets, clocks)
    except StoreTrouble as error:
        remedy = "is it running, and is store.url right? If its file is damaged: restore a backup"
        yield Finding("database", Grade.FAIL, str(error), remedy)
    finally:
        store.close()


def _examine_contents(store: Store, hostname: str, secrets: Secrets, clocks: dict[str, timedelta]) -> Iterator[Finding]:
    from zoneinfo import ZoneInfoNotFoundError

    from gateway.flow import diagnosis, names, symptoms
    from gateway.flow.diagnosis import Finding, Grade
    from gateway.house import real_now
    from gateway.store.health import examine
    from gateway.store.roster import list_forums

    health, now = examine(store), real_now()
    yield diagnosis.check_secrets(secrets, has_letters=health.has_letters)
    yield diagnosis.check_database(health)
    if health.at is not None:
        clocks["the database"] = health.at - now
    yield diagnosis.check_clock(now, health.newest_received_at, clocks)
    if not health.is_ours:
        return
    yield diagnosis.check_outbox(health, now)
    try:
        yield diagnosis.check_digests(symptoms.look_at_digests(store, now), now)
    except ZoneInfoNotFoundError as error:
        remedy = "install a newer tzdata, or gateway member set ADDRESS zone=..."
        yield Finding("digests", Grade.FAIL, f"a member has a time zone that is not known here: {error.args[0]}", remedy)
    for domain in sorted({forum.domain for forum in list_forums(store)}):
        yield names.check_domain(symptoms.look_up_domain(domain), hostname)
