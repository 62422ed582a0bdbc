CREATE FUNCTION tiers_refuse_change() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'tiers: % on % refused, history is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$ LANGUAGE plpgsql
--;
CREATE TRIGGER tiers_tierchange_append_only
    BEFORE UPDATE OR DELETE ON tiers_tierchange
    FOR EACH ROW EXECUTE FUNCTION tiers_refuse_change()
--;
CREATE TRIGGER tiers_tierchange_no_truncate
    BEFORE TRUNCATE ON tiers_tierchange
    FOR EACH STATEMENT EXECUTE FUNCTION tiers_refuse_change()
--;
CREATE TRIGGER tiers_ladderversion_append_only
    BEFORE UPDATE OR DELETE ON tiers_ladderversion
    FOR EACH ROW EXECUTE FUNCTION tiers_refuse_change()
