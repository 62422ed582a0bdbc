CREATE FUNCTION points_count_reversal() RETURNS trigger AS $$
BEGIN
    INSERT INTO points_takenback (transfer_id, moved, amount)
        SELECT id, amount, 0 FROM points_transfer WHERE id = NEW.reverses_id
        ON CONFLICT (transfer_id) DO NOTHING;
    UPDATE points_takenback SET amount = amount + NEW.amount
        WHERE transfer_id = NEW.reverses_id;
    RETURN NULL;
END
$$ LANGUAGE plpgsql
--;
CREATE TRIGGER points_transfer_counts_reversal
    AFTER INSERT ON points_transfer
    FOR EACH ROW WHEN (NEW.reverses_id IS NOT NULL)
    EXECUTE FUNCTION points_count_reversal()
