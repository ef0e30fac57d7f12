-- Three classes of table.
--   person     key (person_id, brand_id, ...): written in one statement with the person's row. No foreign keys, triggers,
--              sequences or unique keys beyond that prefix, so that they can be distributed by person_id.
--   directory  "whose is this": own key, own compare-and-set, never part of a person's write.
--   own        what has a version of its own: the catalogue, stock, requests, revocations, sums.
-- brand_id is in every table and in every unique key. No coordinate of a person is in any table.

-- +goose Up

-- person -------------------------------------------------------------------------------------------------------------

CREATE TABLE person (
    person_id    uuid NOT NULL,
    brand_id     uuid NOT NULL,
    version      bigint NOT NULL,
    write_id     uuid NOT NULL,
    status       smallint NOT NULL DEFAULT 0,
    min_writer   integer NOT NULL DEFAULT 0,
    due_at       timestamptz,
    successor_id uuid,
    state        bytea NOT NULL,
    PRIMARY KEY (person_id, brand_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE person ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX person_due ON person (due_at) WHERE due_at IS NOT NULL;
COMMENT ON TABLE person IS 'class=person. The hot row: every decision is one compare-and-set on version. state is wantgo.state.v1.PersonState. due_at is a lower bound of the next timer. status: 0 active, 1 giving, 2 signpost, 3 erasing.';

CREATE TABLE person_profile (
    person_id uuid NOT NULL,
    brand_id  uuid NOT NULL,
    body      jsonb NOT NULL,
    PRIMARY KEY (person_id, brand_id)
);
COMMENT ON TABLE person_profile IS 'class=person. The cold part of a person: attributes, standing consents, pause.';

CREATE TABLE consent_event (
    person_id   uuid NOT NULL,
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    purpose     text NOT NULL,
    granted     boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (person_id, brand_id, id)
);
COMMENT ON TABLE consent_event IS 'class=person. The append-only ledger of consents.';

CREATE TABLE location_use (
    person_id  uuid NOT NULL,
    brand_id   uuid NOT NULL,
    id         uuid NOT NULL,
    purpose    text NOT NULL,
    method     text NOT NULL,
    path       text NOT NULL,
    recipient  text NOT NULL,
    consent_id uuid,
    used_from  timestamptz NOT NULL,
    used_until timestamptz NOT NULL,
    PRIMARY KEY (person_id, brand_id, id)
);
CREATE INDEX location_use_until ON location_use USING brin (used_until);
COMMENT ON TABLE location_use IS 'class=person. That a location was used, for what and on which consent; never where.';

CREATE TABLE place (
    person_id  uuid NOT NULL,
    brand_id   uuid NOT NULL,
    id         uuid NOT NULL,
    at         timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    cell       bigint,
    device_id  uuid NOT NULL,
    fence_id   uuid NOT NULL,
    store_id   uuid,
    ping_id    uuid,
    kind       text NOT NULL,
    reason     text NOT NULL,
    PRIMARY KEY (person_id, brand_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE place_default PARTITION OF place DEFAULT;
COMMENT ON TABLE place IS 'class=person. The half of a fact that says where. Partitions of one hour of the UUIDv7 in id; folded into place_sum and dropped together after the brand''s retention. place_default holds what no partition covers (replayed old times).';

CREATE TABLE trace (
    person_id       uuid NOT NULL,
    brand_id        uuid NOT NULL,
    id              uuid NOT NULL,
    at              timestamptz NOT NULL,
    campaign_rev    bigint NOT NULL,
    moment_id       uuid,
    device_id       uuid,
    campaign_id     uuid,
    notification_id uuid,
    coupon_id       uuid,
    kind            text NOT NULL,
    reason          text NOT NULL,
    channel         text NOT NULL,
    detail          jsonb,
    PRIMARY KEY (person_id, brand_id, id)
);
COMMENT ON TABLE trace IS 'class=person. The half of a fact that says what was decided and why, without a place.';

CREATE TABLE coupon (
    person_id         uuid NOT NULL,
    brand_id          uuid NOT NULL,
    id                uuid NOT NULL,
    offer_id          uuid NOT NULL,
    campaign_id       uuid,
    issued_at         timestamptz NOT NULL,
    expires_at        timestamptz,
    code              text NOT NULL,
    block_id          uuid,
    stores            uuid[] NOT NULL,
    title             text NOT NULL,
    redemption_id     uuid,
    redeemed_at       timestamptz,
    redeemed_store_id uuid,
    redeemed_by       text,
    PRIMARY KEY (person_id, brand_id, id)
) WITH (fillfactor = 90);
CREATE INDEX coupon_code ON coupon (brand_id, code);
CREATE INDEX coupon_block ON coupon (brand_id, block_id) WHERE block_id IS NOT NULL;
COMMENT ON TABLE coupon IS 'class=person. An issued claim and its single use. stores is where it is valid, not where it was won.';

CREATE TABLE delivery (
    person_id       uuid NOT NULL,
    brand_id        uuid NOT NULL,
    id              uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    not_before      timestamptz NOT NULL,
    deadline        timestamptz NOT NULL,
    next_at         timestamptz NOT NULL,
    lease_until     timestamptz,
    ended_at        timestamptz,
    attempt         integer NOT NULL,
    high_priority   boolean NOT NULL,
    unsure          boolean NOT NULL DEFAULT false,
    surely_not      boolean,
    device_id       uuid NOT NULL,
    campaign_id     uuid,
    decision_id     uuid,
    notification_id uuid NOT NULL,
    lease_node      uuid,
    state           text NOT NULL,
    provider        text NOT NULL,
    code            text,
    provider_id     text,
    notification    jsonb NOT NULL,
    PRIMARY KEY (person_id, brand_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX delivery_id ON delivery (brand_id, id);
CREATE INDEX delivery_notification ON delivery (brand_id, notification_id);
CREATE INDEX delivery_waiting ON delivery (next_at) WHERE state = 'pending';
COMMENT ON TABLE delivery IS 'class=person. The intent to bring one notification to one device; after birth it has its own compare-and-set on lease_node and state. next_at is the later of not_before and lease_until, for the sweep.';

CREATE TABLE open_visit (
    person_id uuid NOT NULL,
    brand_id  uuid NOT NULL,
    device_id uuid NOT NULL,
    fence_id  uuid NOT NULL,
    since     timestamptz NOT NULL,
    PRIMARY KEY (person_id, brand_id, device_id, fence_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX open_visit_fence ON open_visit (brand_id, fence_id, person_id);
COMMENT ON TABLE open_visit IS 'class=person. Stays that have not ended, found by fence.';

-- directory ----------------------------------------------------------------------------------------------------------

CREATE TABLE device (
    brand_id        uuid NOT NULL,
    id              uuid NOT NULL,
    person_id       uuid NOT NULL,
    version         bigint NOT NULL,
    token_serial    bigint NOT NULL,
    last_seen_at    timestamptz,
    os_push_refused boolean NOT NULL,
    external_id     text,
    platform        text NOT NULL,
    app_build       text NOT NULL,
    locale          text NOT NULL,
    time_zone       text NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE UNIQUE INDEX device_external_id ON device (brand_id, external_id);
CREATE INDEX device_person ON device (brand_id, person_id);
COMMENT ON TABLE device IS 'class=directory. Device to person.';

CREATE TABLE push_address (
    brand_id      uuid NOT NULL,
    provider      text NOT NULL,
    kind          text NOT NULL,
    value_hash    bytea NOT NULL,
    value         text NOT NULL,
    device_id     uuid NOT NULL,
    sandbox       boolean NOT NULL,
    topic         text NOT NULL,
    state         text NOT NULL,
    registered_at timestamptz NOT NULL,
    PRIMARY KEY (brand_id, provider, kind, value_hash)
);
CREATE UNIQUE INDEX push_address_device ON push_address (brand_id, device_id);
COMMENT ON TABLE push_address IS 'class=directory. Push address to device; value is a secret of the device and never logged.';

CREATE TABLE person_external (
    brand_id    uuid NOT NULL,
    external_id text NOT NULL,
    person_id   uuid NOT NULL,
    PRIMARY KEY (brand_id, external_id)
);
CREATE INDEX person_external_person ON person_external (brand_id, person_id);
COMMENT ON TABLE person_external IS 'class=directory. The brand''s own id to person.';

-- own ----------------------------------------------------------------------------------------------------------------

CREATE TABLE brand (
    brand_id   uuid PRIMARY KEY,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    stopped    boolean NOT NULL,
    name       text NOT NULL,
    settings   jsonb NOT NULL
);
COMMENT ON TABLE brand IS 'class=own. The tenant and its settings.';

CREATE TABLE brand_version (
    brand_id uuid PRIMARY KEY,
    version  bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE brand_version IS 'class=own. The catalogue''s version: incremented first in every write''s transaction, so that the order of locks is the order of commits.';

CREATE TABLE key (
    brand_id       uuid NOT NULL,
    id             uuid NOT NULL,
    version        bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    previous_until timestamptz,
    kind           text NOT NULL,
    name           text NOT NULL,
    hash           bytea NOT NULL,
    previous_hash  bytea,
    scopes         text[] NOT NULL,
    store_ids      uuid[] NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX key_version ON key (brand_id, version);
COMMENT ON TABLE key IS 'class=own. App keys and API keys; only hashes of secrets.';

CREATE TABLE credential (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,
    sandbox     boolean NOT NULL,
    provider    text NOT NULL,
    fingerprint text NOT NULL,
    sealed      bytea NOT NULL,
    project_id  text NOT NULL,
    key_id      text NOT NULL,
    team_id     text NOT NULL,
    topic       text NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX credential_version ON credential (brand_id, version);
COMMENT ON TABLE credential IS 'class=own. Providers'' credentials, sealed under the nodes'' root secret.';

CREATE TABLE store (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    deleted_at  timestamptz,
    external_id text,
    latitude    double precision NOT NULL,
    longitude   double precision NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE UNIQUE INDEX store_external_id ON store (brand_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX store_version ON store (brand_id, version);
COMMENT ON TABLE store IS 'class=own. Stores of the catalogue.';

CREATE TABLE fence (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    deleted_at  timestamptz,
    external_id text,
    store_id    uuid,
    purpose     text NOT NULL,
    latitude    double precision,
    longitude   double precision,
    radius      double precision,
    area        text,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id),
    CONSTRAINT fence_shape CHECK ((radius IS NULL) = (area IS NOT NULL))
);
CREATE UNIQUE INDEX fence_external_id ON fence (brand_id, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX fence_store_visit ON fence (brand_id, store_id) WHERE purpose = 'visit' AND deleted_at IS NULL AND store_id IS NOT NULL;
CREATE INDEX fence_version ON fence (brand_id, version);
COMMENT ON TABLE fence IS 'class=own. A circle (latitude, longitude, radius in metres) or an area (a GeoJSON geometry).';

CREATE TABLE campaign (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    deleted_at  timestamptz,
    external_id text,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE UNIQUE INDEX campaign_external_id ON campaign (brand_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX campaign_version ON campaign (brand_id, version);
COMMENT ON TABLE campaign IS 'class=own. Campaigns of the catalogue.';

CREATE TABLE stock_pool (
    brand_id  uuid NOT NULL,
    offer_id  uuid NOT NULL,
    total     bigint NOT NULL,
    remaining bigint NOT NULL,
    PRIMARY KEY (brand_id, offer_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE stock_pool IS 'class=own. Coupons of an offer that are in no block. Negative after the total was lowered below what is out.';

CREATE TABLE stock_block (
    brand_id     uuid NOT NULL,
    id           uuid NOT NULL,
    offer_id     uuid NOT NULL,
    node_id      uuid NOT NULL,
    lease_until  timestamptz NOT NULL,
    size         bigint NOT NULL,
    erased       bigint NOT NULL DEFAULT 0,
    used         bigint,
    reclaimed_at timestamptz,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX stock_block_lease ON stock_block (lease_until) WHERE reclaimed_at IS NULL;
COMMENT ON TABLE stock_block IS 'class=own. A part of a pool that one node may issue from until its lease ends. erased counts its coupons of erased people; used is written when it is reclaimed.';

CREATE TABLE revocation (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    person_id   uuid NOT NULL,
    appended_at timestamptz NOT NULL,
    reason      text NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX revocation_appended ON revocation (appended_at);
CREATE INDEX revocation_person ON revocation (brand_id, person_id);
COMMENT ON TABLE revocation IS 'class=own. Tells every node to drop its copy of a person; kept for an hour.';

CREATE TABLE request (
    brand_id   uuid NOT NULL,
    scope      text NOT NULL,
    request_id text NOT NULL,
    claimed_at timestamptz NOT NULL,
    answer     bytea,
    PRIMARY KEY (brand_id, scope, request_id)
);
CREATE INDEX request_claimed ON request (claimed_at);
COMMENT ON TABLE request IS 'class=own. Answers of writes by request id; kept for a day.';

CREATE TABLE place_sum (
    brand_id    uuid NOT NULL,
    day         date NOT NULL,
    hour        smallint NOT NULL,
    store_id    uuid NOT NULL,
    campaign_id uuid NOT NULL,
    kind        text NOT NULL,
    reason      text NOT NULL,
    count       bigint NOT NULL,
    PRIMARY KEY (brand_id, day, hour, store_id, campaign_id, kind, reason)
);
COMMENT ON TABLE place_sum IS 'class=own. Places added up without persons, by day and hour in UTC. campaign_id zero: the transitions themselves with their own reason; else the decisions about them. store_id zero: free fences.';

CREATE TABLE tombstone (
    brand_id  uuid NOT NULL,
    person_id uuid NOT NULL,
    receipt   uuid NOT NULL,
    at        timestamptz NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (brand_id, person_id)
);
CREATE INDEX tombstone_erased ON tombstone (erased_at);
COMMENT ON TABLE tombstone IS 'class=own. All that is left of an erased person. at is the engine''s time, erased_at the database''s.';

CREATE TABLE audit (
    brand_id uuid NOT NULL,
    id       uuid NOT NULL,
    at       timestamptz NOT NULL,
    version  bigint NOT NULL,
    actor    text NOT NULL,
    what     jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX audit_version ON audit (brand_id, version);
COMMENT ON TABLE audit IS 'class=own. Who changed which rows of the catalogue.';

-- +goose Down
DROP TABLE audit, tombstone, place_sum, request, revocation, stock_block, stock_pool, campaign, fence, store, credential,
    key, brand_version, brand, person_external, push_address, device, open_visit, delivery, coupon, trace, place,
    location_use, consent_event, person_profile, person;
