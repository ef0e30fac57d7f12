-- What became of push addresses and why, so that a wrong drop can be undone. The address itself stays where it is, on its
-- device, until the app replaces it.

-- +goose Up
CREATE TABLE push_address_event (
    brand_id      uuid NOT NULL,
    id            uuid NOT NULL,
    device_id     uuid NOT NULL,
    at            timestamptz NOT NULL,
    registered_at timestamptz NOT NULL,
    change        text NOT NULL,
    code          text NOT NULL,
    provider      text NOT NULL,
    kind          text NOT NULL,
    value_hash    bytea NOT NULL,
    PRIMARY KEY (brand_id, id)
);
CREATE INDEX push_address_event_device ON push_address_event (brand_id, device_id, at);
CREATE INDEX push_address_event_at ON push_address_event (brand_id, at);
CREATE INDEX push_address_event_age ON push_address_event USING brin (at);
COMMENT ON TABLE push_address_event IS 'class=directory. When a device''s address was dropped, quarantined, withdrawn, replaced or restored, and by which code; never the address, only its hash. Goes with the device, and after 90 days.';

-- +goose Down
DROP TABLE push_address_event;
