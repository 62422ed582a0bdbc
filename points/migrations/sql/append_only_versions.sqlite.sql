CREATE TRIGGER points_earnruleversion_no_update
    BEFORE UPDATE ON points_earnruleversion
BEGIN
    SELECT RAISE(ABORT, 'points: UPDATE on points_earnruleversion refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_earnruleversion_no_delete
    BEFORE DELETE ON points_earnruleversion
BEGIN
    SELECT RAISE(ABORT, 'points: DELETE on points_earnruleversion refused, the ledger is append-only');
END
