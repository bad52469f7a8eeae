"""A real Dovecot with mailboxes of its own: LMTP in, IMAP to look at, and the passwords for a Postfix that wants AUTH."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.conftest import need, need_program
from tests.interop.screen import wait_until
from tests.interop.test_bounces import free_port
from tests.interop.test_relay import is_listening, open_way

# The user of the mailboxes on this machine, and the one password of all who may log in.
OWNER = "nobody"
PASSWORD = "one for all"

CONF = """
base_dir = {run}
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%n
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = dovecot
default_login_user = dovenull
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
  default_fields = uid={owner} gid=nogroup home={folder}/mail/%n
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service auth {{
  unix_listener postfix {{
    mode = 0666
  }}
}}
"""


class Dovecot(NamedTuple):
    """Where it listens; `auth` is the path of the socket on which Postfix asks for passwords."""

    lmtp: int
    imap: int
    auth: Path
    log: Path


@contextmanager
def dovecot(folder: Path, users: tuple[str, ...]) -> Iterator[Dovecot]:
    """Dovecot with a mailbox for each address in `users`."""
    program = need_program("dovecot")
    need("the user root", os.geteuid() == 0)
    need("Linux", sys.platform == "linux")
    (folder / "mail").mkdir(parents=True)
    (folder / "mail").chmod(0o777)
    open_way(folder)
    (folder / "users").write_text("".join(f"{user}:{PASSWORD}::::::\n" for user in users))
    (folder / "users").chmod(0o644)
    with tempfile.TemporaryDirectory(prefix="dovecot-") as run:
        # The paths of its sockets may have no more than 107 bytes.
        open_way(Path(run))
        found = Dovecot(free_port(), free_port(), Path(run) / "postfix", folder / "log")
        conf = folder / "dovecot.conf"
        conf.write_text(CONF.format(folder=folder, run=run, owner=OWNER, lmtp=found.lmtp, imap=found.imap))
        process = subprocess.Popen([program, "-F", "-c", str(conf)])
        try:
            wait_until(lambda: is_listening(found.lmtp) and is_listening(found.imap), "Dovecot does not start")
            yield found
        finally:
            process.terminate()
            process.wait(20)
