DROP INDEX IF EXISTS points_transfer_from_account_id_3e83720d
--;
DROP INDEX IF EXISTS points_transfer_to_account_id_cba6b92c
