CREATE INDEX points_transfer_from_account_id_3e83720d ON points_transfer (from_account_id)
--;
CREATE INDEX points_transfer_to_account_id_cba6b92c ON points_transfer (to_account_id)
