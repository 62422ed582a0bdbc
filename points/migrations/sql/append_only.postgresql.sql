CREATE FUNCTION points_refuse_change() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'points: % on % refused, the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql
--;
CREATE TRIGGER points_transfer_append_only
    BEFORE UPDATE OR DELETE ON points_transfer
    FOR EACH ROW EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_transfer_no_truncate
    BEFORE TRUNCATE ON points_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_lotdraw_append_only
    BEFORE UPDATE OR DELETE ON points_lotdraw
    FOR EACH ROW EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_lotdraw_no_truncate
    BEFORE TRUNCATE ON points_lotdraw
    FOR EACH STATEMENT EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_lot_no_delete
    BEFORE DELETE ON points_lot
    FOR EACH ROW EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_lot_only_remaining_changes
    BEFORE UPDATE ON points_lot
    FOR EACH ROW
    WHEN (
        (OLD.id, OLD.account_id, OLD.transfer_id, OLD.amount, OLD.expires_on)
        IS DISTINCT FROM
        (NEW.id, NEW.account_id, NEW.transfer_id, NEW.amount, NEW.expires_on)
    )
    EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_lot_no_truncate
    BEFORE TRUNCATE ON points_lot
    FOR EACH STATEMENT EXECUTE FUNCTION points_refuse_change()
