DROP TRIGGER points_earnruleversion_no_update
--;
DROP TRIGGER points_earnruleversion_no_delete
