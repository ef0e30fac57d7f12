-- What providers last said of a credential, beside the catalogue: it changes with every minute's attempts.

-- +goose Up
CREATE TABLE credential_state (
    brand_id      uuid NOT NULL,
    credential_id uuid NOT NULL,
    refused_at    timestamptz,
    refused_code  text,
    accepted_at   timestamptz,
    PRIMARY KEY (brand_id, credential_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE credential_state IS 'class=own. When a provider last refused a credential, with its code, and when it last accepted something under it.';

-- +goose Down
DROP TABLE credential_state;
