CREATE TRIGGER points_earnruleversion_append_only
    BEFORE UPDATE OR DELETE ON points_earnruleversion
    FOR EACH ROW EXECUTE FUNCTION points_refuse_change()
