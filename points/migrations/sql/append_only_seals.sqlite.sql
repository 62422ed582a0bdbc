CREATE TRIGGER points_ledgerseal_no_update
    BEFORE UPDATE ON points_ledgerseal
BEGIN
    SELECT RAISE(ABORT, 'points: UPDATE on points_ledgerseal refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_ledgerseal_no_delete
    BEFORE DELETE ON points_ledgerseal
BEGIN
    SELECT RAISE(ABORT, 'points: DELETE on points_ledgerseal refused, the ledger is append-only');
END
