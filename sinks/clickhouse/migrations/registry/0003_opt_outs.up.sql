-- Every submission of the form opt_out, filled from what is inserted into its rows (see opt_outs.py): the
-- rows keep each registration's latest version only, and whether a retraction counts depends on the earlier.
CREATE TABLE IF NOT EXISTS $database.opt_out_log
(
    patient String COMMENT 'Pseudonym',
    registration_id String COMMENT 'The opt-out''s own identity',
    retracted Bool COMMENT 'True lifts the opt-out with this id',
    version UInt64 COMMENT 'epoch << 48 | offset of the submission'
)
ENGINE = ReplacingMergeTree
ORDER BY (patient, registration_id, version)
COMMENT 'Submissions of opt-outs; read through opt_outs';

-- A person is opted out while the latest submission of any opt-out is not retracted, and then nothing counts.
-- When all are lifted, what was submitted up to the latest lifting is gone for good. A retraction of an id
-- that was never submitted living lifts nothing. All of it is the same however often a row is there.
CREATE VIEW IF NOT EXISTS $database.opt_outs
(
    patient String COMMENT 'Pseudonym of a person with an opt-out, living or lifted',
    counted_from UInt64 COMMENT 'A registration of the person counts from this version on; the highest number: none does'
)
AS SELECT
    patient,
    if(max(living), 18446744073709551615, max(lifted) + 1) AS counted_from
FROM
(
    SELECT
        patient,
        registration_id,
        NOT argMax(retracted, version) AS living,
        maxIf(version, retracted) AS lifted
    FROM $database.opt_out_log
    GROUP BY patient, registration_id
    HAVING countIf(NOT retracted) > 0
)
GROUP BY patient
COMMENT 'From which version on a person counts; who is not here counts from the beginning';

-- Where in the log erased registrations stood, and nothing else of them: published = accepted + refused and
-- accepted = archived + erased can still be seen.
CREATE TABLE IF NOT EXISTS $database.erased
(
    partition UInt16 COMMENT 'Partition of the submitted topic',
    version UInt64 COMMENT 'epoch << 48 | offset'
)
ENGINE = ReplacingMergeTree
ORDER BY (partition, version)
COMMENT 'Places of registrations that were deleted from the archive; read with FINAL';
