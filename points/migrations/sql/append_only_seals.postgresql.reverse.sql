DROP TRIGGER points_ledgerseal_no_truncate ON points_ledgerseal
--;
DROP TRIGGER points_ledgerseal_append_only ON points_ledgerseal
