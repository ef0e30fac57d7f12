package postgres

import (
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/wantgo/wantgo/services/brand"
)

func addWebhook(t table, w *brand.Webhook) error {
	body, err := json.Marshal(w)
	if err != nil {
		return err
	}
	t[0].uuid(w.ID)
	t[1].timeOrNull(w.DeletedAt)
	t[2].timeOrNull(w.PreviousUntil)
	t[3].blob(w.Sealed)
	if w.Previous == nil {
		t[4].addNull()
	} else {
		t[4].blob(w.Previous)
	}
	t[5].json(body)
	return nil
}

func scanWebhook(row pgx.CollectableRow) (w brand.Webhook, err error) {
	var body []byte
	var version int64
	var deleted, until timeOrZero
	var sealed, previous []byte
	if err = row.Scan(&body, &version, &deleted, &sealed, &previous, &until); err == nil {
		err = json.Unmarshal(body, &w)
	}
	w.Version, w.DeletedAt, w.Sealed, w.Previous, w.PreviousUntil = version, deleted.Time, sealed, previous, until.Time
	return w, err
}
