DROP TRIGGER points_transfer_counts_reversal ON points_transfer
--;
DROP FUNCTION points_count_reversal()
