DROP TRIGGER points_transfer_no_truncate ON points_transfer
--;
DROP TRIGGER points_transfer_append_only ON points_transfer
--;
DROP TRIGGER points_lotdraw_no_truncate ON points_lotdraw
--;
DROP TRIGGER points_lotdraw_append_only ON points_lotdraw
--;
DROP TRIGGER points_lot_no_delete ON points_lot
--;
DROP TRIGGER points_lot_only_remaining_changes ON points_lot
--;
DROP TRIGGER points_lot_no_truncate ON points_lot
--;
DROP FUNCTION points_refuse_change()
