-- Who handed over to a person is found by the person when that is erased. The index is built without holding up writes.

-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS person_successor ON person (brand_id, successor_id) WHERE successor_id IS NOT NULL;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS person_successor;
