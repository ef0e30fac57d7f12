-- People as their brand knows them: by own id, in segments, with what they bought.

-- +goose Up
CREATE INDEX person_brand ON person (brand_id, person_id);

CREATE TABLE segment (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    deleted_at  timestamptz,
    external_id text,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE UNIQUE INDEX segment_external_id ON segment (brand_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX segment_version ON segment (brand_id, version);
COMMENT ON TABLE segment IS 'class=own. Saved choices of people: a rule, or the name of a list that stands in the profiles of its members.';

CREATE TABLE purchase (
    person_id uuid NOT NULL,
    brand_id  uuid NOT NULL,
    id        text NOT NULL,
    at        timestamptz NOT NULL,
    amount    double precision NOT NULL,
    currency  text NOT NULL,
    store_id  uuid,
    coupon_id uuid,
    PRIMARY KEY (person_id, brand_id, id)
);
COMMENT ON TABLE purchase IS 'class=person. Sales by the till''s own id, so that each counts once in the person''s profile.';

CREATE TABLE erased_external (
    brand_id uuid NOT NULL,
    hash     bytea NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (brand_id, hash)
);
COMMENT ON TABLE erased_external IS 'class=directory. Hashes of the own ids of erased people, so that no file brings them back.';

-- +goose Down
DROP TABLE erased_external, purchase, segment;
DROP INDEX person_brand;
