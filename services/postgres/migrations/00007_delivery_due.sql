-- What is due is claimed by rank, so that a moment's next attempt does not stand behind bulk that is due longer. The
-- index holds pending deliveries alone, so what still asks for them by time only (a node of the version before) reads
-- no more than those. Both steps hold up no writes.

-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS delivery_due ON delivery (coalesce((notification ->> 'rank')::smallint, 0::smallint), next_at) WHERE state = 'pending';
DROP INDEX CONCURRENTLY IF EXISTS delivery_waiting;

-- +goose Down
CREATE INDEX CONCURRENTLY IF NOT EXISTS delivery_waiting ON delivery (next_at) WHERE state = 'pending';
DROP INDEX CONCURRENTLY IF EXISTS delivery_due;
