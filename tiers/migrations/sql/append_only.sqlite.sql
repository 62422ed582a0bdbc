CREATE TRIGGER tiers_tierchange_no_update
    BEFORE UPDATE ON tiers_tierchange
BEGIN
    SELECT RAISE(ABORT, 'tiers: UPDATE on tiers_tierchange refused, history is append-only');
END
--;
CREATE TRIGGER tiers_tierchange_no_delete
    BEFORE DELETE ON tiers_tierchange
BEGIN
    SELECT RAISE(ABORT, 'tiers: DELETE on tiers_tierchange refused, history is append-only');
END
--;
CREATE TRIGGER tiers_ladderversion_no_update
    BEFORE UPDATE ON tiers_ladderversion
BEGIN
    SELECT RAISE(ABORT, 'tiers: UPDATE on tiers_ladderversion refused, history is append-only');
END
--;
CREATE TRIGGER tiers_ladderversion_no_delete
    BEFORE DELETE ON tiers_ladderversion
BEGIN
    SELECT RAISE(ABORT, 'tiers: DELETE on tiers_ladderversion refused, history is append-only');
END
