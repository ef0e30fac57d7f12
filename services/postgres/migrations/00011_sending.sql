-- What campaigns send by the clock, to many people at once. A sending is a row of its own version: whoever holds its lease
-- goes on from its cursor, and whether a person was asked already stands in the person's own row.

-- +goose Up
CREATE TABLE sending (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    campaign_id uuid NOT NULL,
    at          timestamptz NOT NULL,
    deadline    timestamptz NOT NULL,
    next_at     timestamptz NOT NULL,
    lease_until timestamptz,
    ended_at    timestamptz,
    version     bigint NOT NULL,
    lease_node  uuid,
    state       text NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX sending_occurrence ON sending (brand_id, campaign_id, at);
CREATE INDEX sending_at ON sending (brand_id, at, id);
CREATE INDEX sending_due ON sending (next_at) WHERE ended_at IS NULL;
CREATE INDEX sending_cancelled ON sending (ended_at) WHERE state = 'cancelled';
COMMENT ON TABLE sending IS 'class=own. One a campaign and occurrence: how far it has come and what became of it. Its cursor names a person while it runs; it is emptied at the end.';

-- Whose coupon ends on a day.
CREATE INDEX coupon_ends ON coupon (brand_id, expires_at, person_id) WHERE redemption_id IS NULL AND expires_at IS NOT NULL;
-- What waits of one sending, so that it can be withdrawn.
CREATE INDEX delivery_batch ON delivery (brand_id, (notification ->> 'batch')) WHERE state = 'pending' AND notification ->> 'batch' IS NOT NULL;

-- +goose Down
DROP INDEX delivery_batch;
DROP INDEX coupon_ends;
DROP TABLE sending;
