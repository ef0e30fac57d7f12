-- Endpoints that fail again and again, for all nodes together: one of them asks again when the time has come.

-- +goose Up
CREATE TABLE webhook_state (
    brand_id   uuid NOT NULL,
    webhook_id uuid NOT NULL,
    step       integer NOT NULL,
    until      timestamptz NOT NULL,
    prober     uuid,
    PRIMARY KEY (brand_id, webhook_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE webhook_state IS 'class=own. Webhooks that take nothing: left alone by every node until then, and after it asked once, by the node in prober. No row: it takes what it is told.';

-- +goose Down
DROP TABLE webhook_state;
