-- One provider token per signing key, where every node sees it.

-- +goose Up
CREATE TABLE provider_token (
    brand_id  uuid NOT NULL,
    key       bytea NOT NULL,
    signed_at timestamptz NOT NULL,
    sealed    bytea NOT NULL,
    PRIMARY KEY (brand_id, key)
) WITH (fillfactor = 50);
COMMENT ON TABLE provider_token IS 'class=own. The token that names us to a push provider, sealed under the nodes'' root secret; good for an hour. key is derived from the signing key itself, and brands that hold the same one share the token, so that its provider sees one: brand_id is zero.';

-- +goose Down
DROP TABLE provider_token;
