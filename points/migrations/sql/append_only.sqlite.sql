CREATE TRIGGER points_transfer_no_update
    BEFORE UPDATE ON points_transfer
BEGIN
    SELECT RAISE(ABORT, 'points: UPDATE on points_transfer refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_transfer_no_delete
    BEFORE DELETE ON points_transfer
BEGIN
    SELECT RAISE(ABORT, 'points: DELETE on points_transfer refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_lotdraw_no_update
    BEFORE UPDATE ON points_lotdraw
BEGIN
    SELECT RAISE(ABORT, 'points: UPDATE on points_lotdraw refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_lotdraw_no_delete
    BEFORE DELETE ON points_lotdraw
BEGIN
    SELECT RAISE(ABORT, 'points: DELETE on points_lotdraw refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_lot_no_delete
    BEFORE DELETE ON points_lot
BEGIN
    SELECT RAISE(ABORT, 'points: DELETE on points_lot refused, the ledger is append-only');
END
--;
CREATE TRIGGER points_lot_only_remaining_changes
    BEFORE UPDATE OF id, account_id, transfer_id, amount, expires_on ON points_lot
BEGIN
    SELECT RAISE(ABORT, 'points: UPDATE on points_lot refused, only what remains changes');
END
