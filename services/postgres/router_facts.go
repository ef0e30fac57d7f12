package postgres

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
)

// routedFacts are the statements about everything but the person's row. What is cancelled is what was there before.
func routedFacts(w *engine.PersonWrite) (u unit, err error) {
	u = routedCancels(u, w)
	u = routedRedemptions(u, w)
	u = routedVisits(u, w)
	u = routedPlaces(u, w)
	u = routedTraces(u, w)
	u = routedCoupons(u, w)
	u = routedPurchases(u, w)
	if u, err = routedDeliveries(u, w); err != nil {
		return nil, err
	}
	return routedRest(u, w)
}

func routedCancels(u unit, w *engine.PersonWrite) unit {
	cancel := func(reason string, notification uuid.UUID) {
		b := about(w.Key.PersonID, w.Key.BrandID)
		b.sql.WriteString(`UPDATE delivery SET state = 'cancelled', code = ` + b.text(reason) + `, ended_at = now(), lease_node = NULL, lease_until = NULL
			WHERE person_id = $1 AND brand_id = $2 AND state = 'pending'`)
		if notification != uuid.Nil {
			b.sql.WriteString(` AND notification_id = ` + b.uuid(notification))
		}
		u = append(u, b.end(""))
	}
	if w.CancelDeliveries != "" {
		cancel(w.CancelDeliveries, uuid.Nil)
	}
	for _, id := range w.CancelNotifications {
		cancel(shownInApp, id)
	}
	return u
}

func routedRedemptions(u unit, w *engine.PersonWrite) unit {
	for i := range w.Coupons {
		c := &w.Coupons[i]
		if !c.Redeem || c.Redemption == nil {
			continue
		}
		b := about(w.Key.PersonID, w.Key.BrandID)
		b.sql.WriteString(`UPDATE coupon SET redemption_id = ` + b.uuid(c.Redemption.ID) + `, redeemed_at = ` + b.time(c.Redemption.At) +
			`, redeemed_store_id = ` + b.uuidOrNull(c.Redemption.StoreID) + `, redeemed_by = ` + b.text(c.Redemption.By) +
			` WHERE person_id = $1 AND brand_id = $2 AND id = ` + b.uuid(c.ID) + ` AND redemption_id IS NULL`)
		u = append(u, b.end(""))
	}
	return u
}

// routedVisits takes the last word about each device and fence: an opened one is not also closed.
func routedVisits(u unit, w *engine.PersonWrite) unit {
	opened := make(map[visitKey]bool, len(w.Opened))
	put := insertInto(w.Key.PersonID, w.Key.BrandID, "open_visit", "device_id, fence_id, since")
	for i := len(w.Opened) - 1; i >= 0; i-- {
		o := &w.Opened[i]
		if k := (visitKey{o.DeviceID, o.FenceID}); !opened[k] {
			opened[k] = true
			put.row(put.uuid(o.DeviceID), put.uuid(o.FenceID), put.time(o.Since))
		}
	}
	for i := range w.Closed {
		c := &w.Closed[i]
		if opened[visitKey{c.DeviceID, c.FenceID}] {
			continue
		}
		b := about(w.Key.PersonID, w.Key.BrandID)
		b.sql.WriteString(`DELETE FROM open_visit WHERE person_id = $1 AND brand_id = $2 AND device_id = ` + b.uuid(c.DeviceID) +
			` AND fence_id = ` + b.uuid(c.FenceID))
		u = append(u, b.end(""))
	}
	return put.appendTo(u, ` ON CONFLICT (person_id, brand_id, device_id, fence_id) DO UPDATE SET since = excluded.since`)
}

func routedPlaces(u unit, w *engine.PersonWrite) unit {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "place", "id, at, decided_at, cell, device_id, fence_id, store_id, ping_id, kind, reason")
	for i := range w.Places {
		p := &w.Places[i]
		b.row(b.uuid(p.ID), b.time(p.At), b.time(p.DecidedAt), b.int8OrNull(int64(p.Cell)), b.uuid(p.DeviceID), b.uuid(p.FenceID),
			b.uuidOrNull(p.StoreID), b.uuidOrNull(p.PingID), b.text(p.Kind.String()), b.text(p.Reason.String()))
	}
	return b.appendTo(u, "")
}

func routedTraces(u unit, w *engine.PersonWrite) unit {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "trace",
		"id, at, campaign_rev, moment_id, device_id, campaign_id, notification_id, coupon_id, kind, reason, channel, detail, others, arm, send_id, test")
	for row := range traceRows(w.Traces) {
		f := &row[0]
		b.row(b.uuid(f.ID), b.time(f.At), b.int8(f.CampaignRev), b.uuidOrNull(f.MomentID), b.uuidOrNull(f.DeviceID), b.uuidOrNull(f.CampaignID),
			b.uuidOrNull(f.NotificationID), b.uuidOrNull(f.CouponID), b.text(f.Kind), b.text(f.Reason), b.text(f.Channel), b.json(detailOf(f)),
			b.textOrNull(othersOf(row)), b.textOrNull(f.Arm), b.uuidOrNull(f.SendID), b.bool(f.Test))
	}
	return b.appendTo(u, "")
}

func routedCoupons(u unit, w *engine.PersonWrite) unit {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "coupon", "id, offer_id, campaign_id, issued_at, expires_at, code, block_id, stores, title")
	for i := range w.Coupons {
		c := &w.Coupons[i]
		if c.Redeem {
			continue
		}
		b.row(b.uuid(c.ID), b.uuid(c.OfferID), b.uuidOrNull(c.CampaignID), b.time(c.IssuedAt), b.timeOrNull(c.ExpiresAt), b.text(c.Code),
			b.uuidOrNull(c.Block), b.uuidList(c.Stores), b.text(c.Title))
	}
	return b.appendTo(u, "")
}

func routedDeliveries(u unit, w *engine.PersonWrite) (unit, error) {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "delivery", `id, created_at, not_before, deadline, next_at, lease_until, attempt, high_priority,
		device_id, campaign_id, decision_id, notification_id, lease_node, state, provider, notification`)
	for i := range w.Deliveries {
		d := &w.Deliveries[i]
		notification, err := json.Marshal(&d.Notification)
		if err != nil {
			return nil, err
		}
		var attempt int32
		var node uuid.UUID
		if d.Lease > 0 {
			attempt, node = 1, d.LeaseNode
		}
		state := d.State
		if state == "" {
			state = pusher.Pending
		}
		until, notBefore := `now() + `+b.int8OrNull(max(d.Lease.Microseconds(), 0))+` * interval '1 microsecond'`, b.time(d.NotBefore)
		b.row(b.uuid(d.ID), b.time(d.CreatedAt), notBefore, b.time(d.Deadline), `greatest(`+notBefore+`, `+until+`)`, until, b.int4(attempt),
			b.bool(d.HighPriority), b.uuid(d.DeviceID), b.uuidOrNull(d.CampaignID), b.uuidOrNull(d.DecisionID), b.uuid(d.Notification.ID),
			b.uuidOrNull(node), b.text(string(state)), b.text(string(d.Provider)), b.json(notification))
	}
	return b.appendTo(u, ""), nil
}

func routedRest(u unit, w *engine.PersonWrite) (unit, error) {
	person, brand := w.Key.PersonID, w.Key.BrandID
	consents, err := routedConsents(person, brand, w.Consents)
	if err != nil {
		return nil, err
	}
	u = consents.appendTo(u, "")
	uses := insertInto(person, brand, "location_use", "id, purpose, method, path, recipient, consent_id, used_from, used_until")
	for i := range w.Uses {
		l := &w.Uses[i]
		uses.row(uses.uuid(l.ID), uses.text(l.Purpose), uses.text(l.Method), uses.text(l.Path), uses.text(l.Recipient), uses.uuidOrNull(l.ConsentID),
			uses.time(l.From), uses.time(l.Until))
	}
	u = uses.appendTo(u, "")
	if w.Profile != nil {
		body, err := json.Marshal(w.Profile)
		if err != nil {
			return nil, err
		}
		b := insertInto(person, brand, "person_profile", "body")
		b.row(b.json(body))
		u = b.appendTo(u, ` ON CONFLICT (person_id, brand_id) DO UPDATE SET body = excluded.body`)
	}
	if w.Revoke != "" {
		b := insertInto(person, brand, "revocation", "id, appended_at, reason")
		b.row(b.uuid(uuid.New()), "clock_timestamp()", b.text(w.Revoke))
		u = b.appendTo(u, "")
	}
	return routedLetters(routedReceipts(u, w), w), nil
}

func routedReceipts(u unit, w *engine.PersonWrite) unit {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "receipt", "notification_id, kind, at")
	for i := range w.Receipts {
		r := &w.Receipts[i]
		b.row(b.uuid(r.NotificationID), b.text(r.Kind), b.time(r.At))
	}
	return b.appendTo(u, ` ON CONFLICT (person_id, brand_id, notification_id, kind) DO NOTHING`)
}

func routedLetters(u unit, w *engine.PersonWrite) unit {
	b := insertInto(w.Key.PersonID, w.Key.BrandID, "webhook_letter",
		"webhook_id, id, fact_id, at, seq, not_before, next_at, ordinal, attempt, awaits, event, state, external_id")
	for i := range w.Letters {
		l := &w.Letters[i]
		notBefore, first := b.timeOrNull(l.NotBefore), `now()`
		if l.Awaits {
			first += ` + interval '1 second'`
		}
		b.row(b.uuid(l.WebhookID), b.uuid(l.ID), b.uuid(l.FactID), b.time(l.At), b.int8(w.Version+1), notBefore, `greatest(`+notBefore+`, `+first+`)`,
			b.int4(l.Ordinal), `0`, b.bool(l.Awaits), b.text(string(l.Event)), `'pending'`, b.textOrNull(l.ExternalID))
	}
	return b.appendTo(u, "")
}
