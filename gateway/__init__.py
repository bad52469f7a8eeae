"""Thread Gateway: a discussion you take part in by e-mail.

The house. Mail enters at the front door and leaves at the back; nobody walks against the stream. A room imports only
from rooms below it; `tests/test_house.py` holds the code to this plan.

    cli         arguments in, one flow call
    house       the one place where parts are put together; settings in, running house out
    settings    config/gateway.toml and environment -> one frozen, validated value
    smtp        FRONT DOOR   the only room that knows aiosmtpd
    web         WINDOW       the only room that knows Starlette: answering and leaving from a browser
    exchange    SIDE DOOR    archives in and out, the seed page
    flow        CONDUCTORS   receive, publish, deliver, the desk (commands, votes, cases), archives: order of steps
    store       MEMORY       the only room that knows SQLModel
    journal     the verbs of the mail log
    send        BACK DOOR    couriers: Maildir, SMTP relay, LMTP
    verify      SEALS        the only room that asks the DNS for keys: DKIM signatures of mail that comes in
    render      TEXT         the only room that knows Jinja2; all letters
    digest      what is worth telling, when is it due                pure
    thread      where does it belong                                 pure
    admit       may it come in                                       pure
    people      handles, rights, proofs, badges, words of commands   pure
    parse       bytes -> Message; the only room that knows mail-parser   pure
    mail        nouns: address, envelope, message, verdict           frozen values

The flow of one mail:

    network -> smtp -> parse -> admit -> thread -> store            flow/receive
    store -----------> people -> render -> store, outbox            flow/desk: mail that asks for something
    clock -----------> digest -> render -> outbox (store)           flow/publish
    network <- send <---------------------- outbox                  flow/deliver
    reader  <- cli  <- render <- weave <--- store                   flow/browse

250 means it is ours: raw bytes, envelope and placement are committed in one transaction before the reply to the final
dot; anything unexpected before that is 451.
"""
