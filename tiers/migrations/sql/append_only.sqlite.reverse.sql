DROP TRIGGER tiers_tierchange_no_update
--;
DROP TRIGGER tiers_tierchange_no_delete
--;
DROP TRIGGER tiers_ladderversion_no_update
--;
DROP TRIGGER tiers_ladderversion_no_delete
