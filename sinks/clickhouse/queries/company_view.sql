-- How each component of one kind has fared, live: per component, in all (unit is null) and by unit.
--
-- A reoperation belongs to the latest operation on the same patient and side at or before its day; one
-- before any operation belongs to none. An operation counts as reoperated from its first one on. It is
-- followed from its day to the first of: that reoperation, the patient's death, `until`. What happened
-- after `until` is not known yet.
WITH
    operations AS
    (
        SELECT
            {patient:Identifier} AS patient,
            {side:Identifier} AS side,
            {day:Identifier} AS day,
            {unit:Identifier} AS unit,
            {component:Identifier} AS component,
            {registration_id:Identifier} AS id,
            {recorded_at:Identifier} AS recorded
        FROM {database:Identifier}.{operation:Identifier}
        WHERE day <= {until:Date32}
    ),
    -- two operations on one side on one day: the one recorded later takes what follows, as in journeys
    candidates AS
    (
        SELECT patient, side, day, argMax(id, (recorded, id)) AS latest
        FROM operations
        GROUP BY patient, side, day
    ),
    reoperations AS
    (
        SELECT {re_patient:Identifier} AS patient, {re_side:Identifier} AS side, {re_day:Identifier} AS day
        FROM {database:Identifier}.{reoperation:Identifier}
        WHERE day <= {until:Date32}
    ),
    firsts AS
    (
        SELECT candidates.patient AS patient, candidates.latest AS id, min(reoperations.day) AS first_day
        FROM reoperations
        ASOF INNER JOIN candidates
            ON reoperations.patient = candidates.patient
            AND reoperations.side = candidates.side
            AND reoperations.day >= candidates.day
        GROUP BY patient, id
    ),
    deaths AS
    (
        SELECT {death_patient:Identifier} AS patient, min({death_day:Identifier}) AS last_day
        FROM {database:Identifier}.{death:Identifier}
        GROUP BY patient
    ),
    followed AS
    (
        SELECT
            assumeNotNull(operations.component) AS component,
            operations.unit AS unit,
            firsts.first_day IS NOT NULL AS reoperated,
            least(
                {until:Date32},
                coalesce(firsts.first_day, {until:Date32}),
                coalesce(deaths.last_day, {until:Date32})
            ) AS last_day,
            greatest(dateDiff('day', operations.day, last_day), 0) AS days
        FROM operations
        LEFT JOIN firsts ON operations.patient = firsts.patient AND operations.id = firsts.id
        LEFT JOIN deaths ON operations.patient = deaths.patient
        WHERE operations.component IS NOT NULL
    ),
    counted AS
    (
        SELECT
            component,
            unit,
            count() AS inserted,
            sum(reoperated) AS reoperated_in_all,
            sum(days) AS days_in_all
        FROM followed
        GROUP BY GROUPING SETS ((component, unit), (component))
    )
SELECT
    counted.component AS code,
    coalesce(catalogue.name, '') AS name,
    coalesce(catalogue.company, '') AS company,
    counted.unit AS unit_code,
    counted.inserted AS inserted,
    counted.reoperated_in_all AS reoperated,
    counted.days_in_all AS days
FROM counted
LEFT JOIN {database:Identifier}.{catalogue:Identifier} AS catalogue ON catalogue.code = counted.component
ORDER BY code, unit_code NULLS FIRST
SETTINGS join_use_nulls = 1, group_by_use_nulls = 1
