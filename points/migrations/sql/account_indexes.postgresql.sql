DROP INDEX CONCURRENTLY IF EXISTS points_transfer_from_account_id_3e83720d
--;
DROP INDEX CONCURRENTLY IF EXISTS points_transfer_to_account_id_cba6b92c
--;
-- Nobody looks keys up by how they begin, and every posting paid for it.
DROP INDEX CONCURRENTLY IF EXISTS points_transfer_key_de0b1946_like
