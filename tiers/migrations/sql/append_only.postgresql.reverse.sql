DROP TRIGGER tiers_tierchange_append_only ON tiers_tierchange
--;
DROP TRIGGER tiers_tierchange_no_truncate ON tiers_tierchange
--;
DROP TRIGGER tiers_ladderversion_append_only ON tiers_ladderversion
--;
DROP FUNCTION tiers_refuse_change()
