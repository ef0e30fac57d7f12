-- What brands' systems are told, and what phones told of notifications.

-- +goose Up
CREATE TABLE webhook (
    brand_id       uuid NOT NULL,
    id             uuid NOT NULL,
    version        bigint NOT NULL,
    deleted_at     timestamptz,
    previous_until timestamptz,
    sealed         bytea NOT NULL,
    previous       bytea,
    body           jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX webhook_version ON webhook (brand_id, version);
COMMENT ON TABLE webhook IS 'class=own. Endpoints that are told what happens; their secrets sealed under the nodes'' root secret.';

CREATE TABLE webhook_letter (
    person_id   uuid NOT NULL,
    brand_id    uuid NOT NULL,
    webhook_id  uuid NOT NULL,
    id          uuid NOT NULL,
    fact_id     uuid NOT NULL,
    at          timestamptz NOT NULL,
    seq         bigint NOT NULL,
    not_before  timestamptz,
    next_at     timestamptz NOT NULL,
    lease_node  uuid,
    ordinal     integer NOT NULL,
    attempt     integer NOT NULL,
    awaits      boolean NOT NULL,
    event       text NOT NULL,
    state       text NOT NULL,
    code        text,
    external_id text,
    PRIMARY KEY (person_id, brand_id, webhook_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX webhook_letter_due ON webhook_letter (webhook_id, state, next_at);
COMMENT ON TABLE webhook_letter IS 'class=person. One fact that one webhook is to be told: it names the fact and holds nothing of it, save an erased person''s external_id until that is told. Of one person and webhook in the order of seq (the version of the person''s row) and ordinal. state: pending, dead.';

CREATE TABLE receipt (
    person_id       uuid NOT NULL,
    brand_id        uuid NOT NULL,
    notification_id uuid NOT NULL,
    kind            text NOT NULL,
    at              timestamptz NOT NULL,
    PRIMARY KEY (person_id, brand_id, notification_id, kind)
);
COMMENT ON TABLE receipt IS 'class=person. What a phone did with a notification, as its app told first: shown, opened, dismissed.';

-- +goose Down
DROP TABLE receipt, webhook_letter, webhook;
