"""The words of commands, and what they are called in other languages. To add a language, add words.

In: nothing. Out: `WORDS`, from a casefolded word (or two) to its command. A word stands for one command only, whatever the
language, since a mail does not say which one it is in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Order(StrEnum):
    """What a mail may ask for."""

    HELP = "help"
    JOIN = "join"
    LEAVE = "leave"
    CONFIRM = "confirm"
    SET = "set"
    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    GET = "get"
    THREAD = "thread"
    SINCE = "since"
    VOTE = "vote"
    REPORT = "report"
    RULES = "rules"
    FOLLOW = "follow"
    MUTE = "mute"
    UNFOLLOW = "unfollow"
    EDIT = "edit"
    WITHDRAW = "withdraw"
    POSTS = "my posts"
    HANDLE = "handle"
    FORGET = "forget me"
    EXPORT = "export me"
    MOVE = "move"


# How each is written; what is in capitals stands for something.
USAGE: Final = {
    Order.HELP: "help",
    Order.JOIN: "join",
    Order.LEAVE: "leave",
    Order.CONFIRM: "confirm TOKEN",
    Order.SET: "set digest=daily hour=7:30",
    Order.STATUS: "status",
    Order.PAUSE: "pause 2 weeks",
    Order.RESUME: "resume",
    Order.GET: "get #MARKER",
    Order.THREAD: "thread #MARKER",
    Order.SINCE: "since 2026-12-24",
    Order.VOTE: "vote +1 #MARKER",
    Order.REPORT: "report #MARKER REASON",
    Order.RULES: "rules",
    Order.FOLLOW: "follow #MARKER",
    Order.MUTE: "mute #MARKER",
    Order.UNFOLLOW: "unfollow #MARKER",
    Order.EDIT: "edit #MARKER",
    Order.WITHDRAW: "withdraw #MARKER",
    Order.POSTS: "my posts",
    Order.HANDLE: "handle NAME",
    Order.FORGET: "forget me",
    Order.EXPORT: "export me",
    Order.MOVE: "move #MARKER #MARKER",
}

_SPELLINGS: Final[dict[Order, tuple[str, ...]]] = {
    Order.HELP: ("help", "info", "?", "hilfe", "aide"),
    Order.JOIN: ("join", "subscribe", "anmelden", "abonnieren", "beitreten", "inscrire", "inscription", "abonner"),
    Order.LEAVE: (
        *("leave", "unsubscribe", "signoff", "abmelden", "abbestellen", "austragen", "austreten"),
        *("quitter", "désinscrire", "desinscrire", "désabonner", "desabonner", "se désinscrire", "se désabonner"),
    ),
    Order.CONFIRM: ("confirm", "bestätigen", "bestaetigen", "confirmer"),
    Order.SET: ("set", "settings", "einstellen", "einstellungen", "setze", "réglages", "reglages", "régler"),
    Order.STATUS: ("status", "stand", "état", "etat", "statut"),
    Order.PAUSE: ("pause", "pausieren", "urlaub", "vacation", "nomail", "suspendre", "vacances"),
    Order.RESUME: ("resume", "fortsetzen", "weiter", "reprendre"),
    Order.GET: ("get", "hole", "holen", "zeige", "obtenir"),
    Order.THREAD: ("thread", "faden", "diskussion", "discussion", "fil"),
    Order.SINCE: ("since", "seit", "depuis"),
    Order.VOTE: ("vote", "stimme", "abstimmen", "voter"),
    Order.REPORT: ("report", "melden", "melde", "signaler"),
    Order.RULES: ("rules", "regeln", "hausregeln", "règles", "regles"),
    Order.FOLLOW: ("follow", "folgen", "folge", "suivre"),
    Order.MUTE: ("mute", "stumm", "ignorieren", "ignorer"),
    Order.UNFOLLOW: ("unfollow", "unmute", "entfolgen"),
    Order.EDIT: ("edit", "ändern", "aendern", "bearbeiten", "modifier"),
    Order.WITHDRAW: ("withdraw", "zurückziehen", "zurueckziehen", "retirer"),
    Order.POSTS: ("my posts", "meine beiträge", "meine beitraege", "mes messages"),
    Order.HANDLE: ("handle", "name", "nom"),
    Order.FORGET: ("forget me", "vergiss mich", "oubliez-moi", "oublie-moi", "oublier"),
    Order.EXPORT: ("export me", "meine daten", "mes données", "mes donnees"),
    Order.MOVE: ("move", "verschieben", "déplacer", "deplacer"),
}
WORDS: Final = {word: order for order, words in _SPELLINGS.items() for word in words}

# Settings by their other names, and what their values are called.
KEYS: Final = {
    "digest": "digest",
    "übersicht": "digest",
    "mail": "digest",
    "hour": "hour",
    "time": "hour",
    "stunde": "hour",
    "uhrzeit": "hour",
    "heure": "hour",
    "day": "day",
    "tag": "day",
    "jour": "day",
    "zone": "zone",
    "timezone": "zone",
    "zeitzone": "zone",
    "fuseau": "zone",
    "form": "form",
    "format": "form",
    "language": "language",
    "sprache": "language",
    "langue": "language",
    "pause": "pause",
    "receipts": "receipts",
    "quittungen": "receipts",
    "cases": "cases",
}
# Days in a unit of time.
UNITS: Final = {
    **dict.fromkeys(("day", "days", "tag", "tage", "tagen", "jour", "jours"), 1),
    **dict.fromkeys(("week", "weeks", "woche", "wochen", "semaine", "semaines"), 7),
}
UNTIL: Final = frozenset({"until", "till", "to", "for", "bis", "für", "jusqu'au", "pour"})
UP: Final = frozenset({"+1", "up", "+", "yes", "ja", "oui"})
DOWN: Final = frozenset({"-1", "down", "-", "no", "nein", "non"})
