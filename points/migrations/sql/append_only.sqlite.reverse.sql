DROP TRIGGER points_transfer_no_update
--;
DROP TRIGGER points_transfer_no_delete
--;
DROP TRIGGER points_lotdraw_no_update
--;
DROP TRIGGER points_lotdraw_no_delete
--;
DROP TRIGGER points_lot_no_delete
--;
DROP TRIGGER points_lot_only_remaining_changes
