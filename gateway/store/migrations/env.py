"""Alembic's entry: runs the revisions on the connection that `store.migrate` hands over."""

from alembic import context

import gateway.store.people_tables  # noqa: F401 - tables of their own are known once imported
from gateway.store.tables import Id, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    render_item=lambda kind, item, _autogen: "Id()" if kind == "type" and isinstance(item, Id) else False,
)
with context.begin_transaction():
    context.run_migrations()
