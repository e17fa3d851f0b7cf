"""Who has opted out, where rows are read: the condition that leaves them out, and the log that it rests on.

`opt_out_log` keeps every submission of the form ``opt_out``, the view `opt_outs` says from which version on
a person counts (registry/0003_opt_outs.up.sql).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.codec import fingerprint
from schemas.definition.form import OPT_OUT
from sinks.clickhouse import sql
from sinks.clickhouse.migrations.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from schemas.definition.registry import RegistryDefinition

LOG = "opt_out_log"
FEED = "opt_out_log_of_submissions"
_FED = "Unfolds what is inserted into opt_out_rows; all that was submitted before it is in the log"
_FEEDING = "Unfolds what is inserted into opt_out_rows; what was submitted before it is being copied"


def counts(database: str, patient: str, version: str) -> str:
    """The condition that a row of a patient counts: its version is not below the patient's `counted_from`.

    Opt-outs are few, so they are looked up in a table made of them once a query. It is no join, so that a
    person without one has nothing that ``join_use_nulls`` could make a null of; and both columns come from
    one reading, so that they fit each other whatever is opted out meanwhile.

    Args:
        database: the registry's.
        patient: SQL of the patient's pseudonym.
        version: SQL of the row's version.
    """
    both = f"(SELECT (groupArray(patient), groupArray(counted_from)) FROM {sql.table(database, 'opt_outs')})"
    return f"{version} >= transform({patient}, {both}.1, {both}.2, toUInt64(0))"


def log_steps(comments: Mapping[str, str], database: str, definition: RegistryDefinition) -> list[Step]:
    """What to do so that the log has every submission of opt-outs, those before it among them.

    The form's rows keep the latest of each only. The archive has them all, and a registration's last byte
    is ``retracted`` where that is the last field; so it stood when the log began, and the log is fed since.

    Args:
        comments: of the database's tables, by name.
        database: its name.
        definition: the registry as declared.
    """
    form = definition.forms.get(OPT_OUT)
    if form is None or comments.get(FEED) == _FED:
        return []
    log, feed = sql.table(database, LOG), sql.table(database, FEED)
    patient, identity, retracted = (
        sql.identifier(form.name_of(role)) for role in ("patient", "registration_id", "retracted")
    )
    versions: tuple[Mapping[str, Any], ...] = (*definition.released.get(OPT_OUT, ()), form.avro)
    ids = sorted({fingerprint(one) for one in versions if one["fields"][-1].get("role") == "retracted"})
    create = (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {feed} TO {log}\n"
        f"AS SELECT {patient} AS patient, {identity} AS registration_id, {retracted} AS retracted, "
        f"_version AS version\nFROM {sql.table(database, f'{OPT_OUT}_rows')}\nCOMMENT {sql.text(_FEEDING)}"
    )
    copy = (
        f"INSERT INTO {log} (patient, registration_id, retracted, version) "
        "SELECT patient, registration_id, endsWith(payload, char(1)), version "
        f"FROM {sql.table(database, 'archive')} "
        f"WHERE form = {sql.text(OPT_OUT)} AND schema_id IN ({', '.join(map(str, ids))})"
    )
    # the comment changes last, so that a step that was cut short is seen, and done again
    done = f"ALTER TABLE {feed} MODIFY COMMENT {sql.text(_FED)}"
    return [Step(database, f"feed {LOG}", (create, copy, done))]
