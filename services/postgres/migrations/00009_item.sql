-- What brands sell and show.

-- +goose Up
CREATE TABLE item (
    brand_id    uuid NOT NULL,
    id          uuid NOT NULL,
    version     bigint NOT NULL,
    deleted_at  timestamptz,
    external_id text NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE UNIQUE INDEX item_external_id ON item (brand_id, external_id) WHERE deleted_at IS NULL;
CREATE INDEX item_version ON item (brand_id, version);
COMMENT ON TABLE item IS 'class=own. What can be searched, viewed, put into a basket and bought.';

-- +goose Down
DROP TABLE item;
