-- A round of decisions is one row of trace: its winner, or the first that was refused, in the columns as ever, and the
-- other candidates in "others". A row whose "others" is NULL is of one decision, as all were before.
-- What chance gave a person (arm), the sending a decision is of, and that it was made about a test person stand with it.

-- +goose Up
ALTER TABLE trace ADD COLUMN others text, ADD COLUMN arm text, ADD COLUMN send_id uuid, ADD COLUMN test boolean NOT NULL DEFAULT false;
COMMENT ON TABLE trace IS 'class=person. The half of a fact that says what was decided and why, without a place: the candidates of one moment that were decided together. others: a JSON array of all but the first, each i (its id is the row''s, this much higher in the last two bytes), c campaign, r reason, v values, a arm.';

-- An hour of decisions is found without an index entry a decision: they are written in the order of their times.
CREATE INDEX trace_at ON trace USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- Redemptions and sales that no result counts yet. What there was before there were results stays out of them.
ALTER TABLE coupon ADD COLUMN counted boolean NOT NULL DEFAULT true;
ALTER TABLE coupon ALTER COLUMN counted SET DEFAULT false;
ALTER TABLE purchase ADD COLUMN counted boolean NOT NULL DEFAULT true;
ALTER TABLE purchase ALTER COLUMN counted SET DEFAULT false;
CREATE INDEX coupon_uncounted ON coupon (redeemed_at) WHERE redemption_id IS NOT NULL AND NOT counted;
CREATE INDEX purchase_uncounted ON purchase (at) WHERE NOT counted;

CREATE TABLE result_hour (
    brand_id   uuid NOT NULL,
    hour       timestamptz NOT NULL,
    counted_at timestamptz NOT NULL,
    closed     boolean NOT NULL,
    PRIMARY KEY (brand_id, hour)
);
COMMENT ON TABLE result_hour IS 'class=own. The hours whose decisions results count: again and again into result_live until it is closed, then once into result_sum.';

CREATE TABLE result_live (
    brand_id    uuid NOT NULL,
    hour        timestamptz NOT NULL,
    day         date NOT NULL,
    campaign_id uuid NOT NULL,
    store_id    uuid NOT NULL,
    arm         text NOT NULL,
    measure     text NOT NULL,
    n           numeric NOT NULL,
    PRIMARY KEY (brand_id, hour, day, campaign_id, store_id, arm, measure)
) WITH (fillfactor = 70);
COMMENT ON TABLE result_live IS 'class=own. What an hour that is not closed brought, without persons: replaced by every count.';

CREATE TABLE result_sum (
    brand_id    uuid NOT NULL,
    day         date NOT NULL,
    campaign_id uuid NOT NULL,
    store_id    uuid NOT NULL,
    arm         text NOT NULL,
    measure     text NOT NULL,
    n           numeric NOT NULL,
    PRIMARY KEY (brand_id, day, campaign_id, store_id, arm, measure)
) WITH (fillfactor = 90);
COMMENT ON TABLE result_sum IS 'class=own. Results without persons: of closed hours, and of redemptions and sales as they come. day is the store''s, or the brand''s where no store is known (store_id zero). measure: a reason, which counts decisions, or what came of them.';

-- +goose Down
DROP TABLE result_sum, result_live, result_hour;
ALTER TABLE purchase DROP COLUMN counted;
ALTER TABLE coupon DROP COLUMN counted;
DROP INDEX trace_at;
-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT FROM trace WHERE others IS NOT NULL) THEN
        RAISE EXCEPTION 'decisions of whole rounds are kept: the schema before them cannot hold them';
    END IF;
END $$;
-- +goose StatementEnd
ALTER TABLE trace DROP COLUMN others, DROP COLUMN arm, DROP COLUMN send_id, DROP COLUMN test;
