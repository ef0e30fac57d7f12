package postgres

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/audience"
)

var segmentRows = rowShape{"segment", "id, deleted_at, external_id, body", []columnKind{uuids, times, texts, jsons}, nil}

func addSegment(t table, s *audience.Segment) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	t[0].uuid(s.ID)
	t[1].timeOrNull(s.DeletedAt)
	t[2].textOrNull(s.ExternalID)
	t[3].json(body)
	return nil
}

func scanSegment(row pgx.CollectableRow) (s audience.Segment, err error) {
	var body []byte
	var version int64
	var deleted timeOrZero
	if err = row.Scan(&body, &version, &deleted); err == nil {
		err = json.Unmarshal(body, &s)
	}
	s.Version, s.DeletedAt = version, deleted.Time
	return s, err
}
