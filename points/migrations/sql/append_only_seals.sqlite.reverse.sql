DROP TRIGGER points_ledgerseal_no_update
--;
DROP TRIGGER points_ledgerseal_no_delete
