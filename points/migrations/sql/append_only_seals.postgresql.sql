CREATE TRIGGER points_ledgerseal_append_only
    BEFORE UPDATE OR DELETE ON points_ledgerseal
    FOR EACH ROW EXECUTE FUNCTION points_refuse_change()
--;
CREATE TRIGGER points_ledgerseal_no_truncate
    BEFORE TRUNCATE ON points_ledgerseal
    FOR EACH STATEMENT EXECUTE FUNCTION points_refuse_change()
