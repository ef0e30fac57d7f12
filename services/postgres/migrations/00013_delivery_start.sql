-- A claim changes nothing that an index holds: what is due is found by when it may start, and who holds it until when is
-- looked at row by row. A claim, a renewed lease and a repeated attempt then write one row and no index (of four). What is
-- leased stays at the head of the index and is passed over: that is as much as all nodes have in hand. Pages are filled by
-- less than half, so that a delivery's claim and its end find room beside it; those that are there stay as they are. No step
-- holds up writes; a node of the version before reads what is pending by its rank alone meanwhile.

-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE delivery SET (fillfactor = 45);
CREATE INDEX CONCURRENTLY IF NOT EXISTS delivery_start ON delivery (coalesce((notification ->> 'rank')::smallint, 0::smallint), not_before) WHERE state = 'pending';
DROP INDEX CONCURRENTLY IF EXISTS delivery_due;

-- +goose Down
ALTER TABLE delivery SET (fillfactor = 70);
CREATE INDEX CONCURRENTLY IF NOT EXISTS delivery_due ON delivery (coalesce((notification ->> 'rank')::smallint, 0::smallint), next_at) WHERE state = 'pending';
DROP INDEX CONCURRENTLY IF EXISTS delivery_start;
