-- Revocations and tombstones are written with a person's row: their keys begin with the person, so that they can stand on
-- the person's shard. The keys hold the same columns' values as before, or more: statements of the version before work.

-- +goose Up
ALTER TABLE revocation DROP CONSTRAINT revocation_pkey, ADD PRIMARY KEY (person_id, brand_id, id);
DROP INDEX revocation_person;
COMMENT ON TABLE revocation IS 'class=person. Tells every node to drop its copy of a person; kept for an hour.';
ALTER TABLE tombstone DROP CONSTRAINT tombstone_pkey, ADD PRIMARY KEY (person_id, brand_id);
COMMENT ON TABLE tombstone IS 'class=person. All that is left of an erased person. at is the engine''s time, erased_at the database''s.';

-- +goose Down
ALTER TABLE tombstone DROP CONSTRAINT tombstone_pkey, ADD PRIMARY KEY (brand_id, person_id);
ALTER TABLE revocation DROP CONSTRAINT revocation_pkey, ADD PRIMARY KEY (brand_id, id);
CREATE INDEX revocation_person ON revocation (brand_id, person_id);
