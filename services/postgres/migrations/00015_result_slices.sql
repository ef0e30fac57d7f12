-- Results are counted by slices of an hour instead of whole hours. A row is an hour still, as it was: what is here is
-- of one slice of 3,600 seconds, and so is what a program adds that knows of no slices.

-- +goose Up
ALTER TABLE result_hour ADD COLUMN span integer NOT NULL DEFAULT 3600, ADD COLUMN sliced_at timestamptz,
    ADD COLUMN slice_counted timestamptz[], ADD COLUMN slice_traces bigint[], ADD COLUMN slice_marks bigint[];
COMMENT ON TABLE result_hour IS 'class=own. The hours whose decisions results count, in slices of span seconds: again and again into result_live, under the slice''s beginning, until the hour is closed, then once into result_sum. Of each slice when it was counted (year 1: not yet), how many rows of trace it had, and the sum of the hashes of their ids: what has the same was not decided anew. sliced_at: the counted_at that this was written with; another counted_at is of a program that knows whole hours only.';
COMMENT ON COLUMN result_live.hour IS 'the beginning of the slice';

-- The places of some minutes are found without an index entry a place: they are written in the order of their ids.
CREATE INDEX place_id ON place USING brin (id) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX fence_visit ON fence (brand_id, id) WHERE purpose = 'visit';

-- +goose Down
DROP INDEX fence_visit;
DROP INDEX place_id;
COMMENT ON COLUMN result_live.hour IS NULL;
DELETE FROM result_live l USING result_hour h WHERE h.brand_id = l.brand_id AND h.span < 3600 AND l.hour >= h.hour AND l.hour < h.hour + interval '1 hour';
UPDATE result_hour SET counted_at = '0001-01-01 00:00:00+00' WHERE span < 3600 AND NOT closed;
COMMENT ON TABLE result_hour IS 'class=own. The hours whose decisions results count: again and again into result_live until it is closed, then once into result_sum.';
ALTER TABLE result_hour DROP COLUMN slice_marks, DROP COLUMN slice_traces, DROP COLUMN slice_counted, DROP COLUMN sliced_at, DROP COLUMN span;
