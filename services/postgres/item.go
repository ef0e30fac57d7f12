package postgres

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/item"
)

var itemRows = rowShape{"item", "id, deleted_at, external_id, body", []columnKind{uuids, times, texts, jsons}, nil}

func addItem(t table, i *item.Item) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	t[0].uuid(i.ID)
	t[1].timeOrNull(i.DeletedAt)
	t[2].text(i.ExternalID)
	t[3].json(body)
	return nil
}

func scanItem(row pgx.CollectableRow) (i item.Item, err error) {
	var body []byte
	var version int64
	var deleted timeOrZero
	if err = row.Scan(&body, &version, &deleted); err == nil {
		err = json.Unmarshal(body, &i)
	}
	i.Version, i.DeletedAt = version, deleted.Time
	return i, err
}
