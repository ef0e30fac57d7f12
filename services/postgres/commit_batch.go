package postgres

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
)

var arrayOIDs = map[uint32]uint32{
	pgtype.Int2OID: pgtype.Int2ArrayOID, pgtype.Int4OID: pgtype.Int4ArrayOID, pgtype.Int8OID: pgtype.Int8ArrayOID,
	pgtype.BoolOID: pgtype.BoolArrayOID, pgtype.UUIDOID: pgtype.UUIDArrayOID, pgtype.TextOID: pgtype.TextArrayOID,
	pgtype.ByteaOID: pgtype.ByteaArrayOID, pgtype.JSONBOID: pgtype.JSONBArrayOID, pgtype.TimestamptzOID: pgtype.TimestamptzArrayOID,
	pgtype.Float8OID: pgtype.Float8ArrayOID,
}

// shownInApp is the code of deliveries that were cancelled because the notification was shown in the app first.
const shownInApp = "shown_in_app"

// batch is the arrays of one commit. i is the write's position in the call.
type batch struct {
	parts [partCount]table
	// reopens: any visit that is opened may be open already.
	reopens bool
}

// batches are used again: their arrays are the larger part of what a commit would allocate.
var batches = sync.Pool{New: func() any {
	b := &batch{}
	for i := range parts {
		b.parts[i] = newTable(parts[i].kinds...)
	}
	return b
}}

func newBatch() *batch {
	b := batches.Get().(*batch)
	b.reopens = false
	for _, t := range b.parts {
		for _, c := range t {
			c.n, c.null, c.buf = 0, false, c.buf[:arrayHeader]
		}
	}
	return b
}

// variant is the set of groups that have rows.
func (b *batch) variant() (v int) {
	for i := range parts {
		if parts[i].group >= 0 && b.parts[i].rows() > 0 {
			v |= 1 << parts[i].group
		}
	}
	return v
}

func (b *batch) values(variant int) [][]byte {
	var values [][]byte
	for i := range parts {
		if parts[i].in(variant) {
			for _, c := range b.parts[i] {
				values = append(values, c.bytes())
			}
		}
	}
	return values
}

func (b *batch) add(i int32, w *engine.PersonWrite) error {
	b.addPerson(i, w)
	for j := range w.Places {
		b.addPlace(i, &w.Places[j])
	}
	for row := range traceRows(w.Traces) {
		b.addTraces(i, row)
	}
	b.addVisits(i, w)
	for j := range w.Coupons {
		b.addCoupon(i, &w.Coupons[j])
	}
	for j := range w.Deliveries {
		if err := b.addDelivery(i, &w.Deliveries[j]); err != nil {
			return err
		}
	}
	return b.addRest(i, w)
}

func (b *batch) addPerson(i int32, w *engine.PersonWrite) {
	t := b.parts[partPerson]
	t[0].int4(i)
	t[1].uuid(w.Key.PersonID)
	t[2].uuid(w.Key.BrandID)
	t[3].int8(w.Version)
	t[4].uuid(w.WriteID)
	t[5].int2(int16(w.Status))
	t[6].uuidOrNull(w.SuccessorID)
	t[7].int4(w.MinWriter)
	t[8].timeOrNull(w.DueAt)
	t[9].timeOrNull(w.At)
	t[10].blob(w.State)
	t[11].timeOrNull(w.LeasedUntil)
}

func (b *batch) addPlace(i int32, p *engine.Place) {
	t := b.parts[partPlace]
	t[0].int4(i)
	t[1].uuid(p.ID)
	t[2].time(p.At)
	t[3].time(p.DecidedAt)
	if p.Cell == 0 {
		t[4].addNull()
	} else {
		t[4].int8(int64(p.Cell))
	}
	t[5].uuid(p.DeviceID)
	t[6].uuid(p.FenceID)
	t[7].uuidOrNull(p.StoreID)
	t[8].uuidOrNull(p.PingID)
	t[9].text(p.Kind.String())
	t[10].text(p.Reason.String())
}

// addTraces adds a row of decisions.
func (b *batch) addTraces(i int32, row []engine.Trace) {
	t, f := b.parts[partTrace], &row[0]
	t[0].int4(i)
	t[1].uuid(f.ID)
	t[2].time(f.At)
	t[3].int8(f.CampaignRev)
	t[4].uuidOrNull(f.MomentID)
	t[5].uuidOrNull(f.DeviceID)
	t[6].uuidOrNull(f.CampaignID)
	t[7].uuidOrNull(f.NotificationID)
	t[8].uuidOrNull(f.CouponID)
	t[9].text(f.Kind)
	t[10].text(f.Reason)
	t[11].text(f.Channel)
	t[12].json(detailOf(f))
	t[13].textOrNull(othersOf(row))
	t[14].textOrNull(f.Arm)
	t[15].uuidOrNull(f.SendID)
	t[16].bool(f.Test)
}

// addVisits takes the last word about each device and fence: an opened one is not also closed, but may be open already.
func (b *batch) addVisits(i int32, w *engine.PersonWrite) {
	opened, closed := placesOf(w.Opened), placesOf(w.Closed)
	for j := range w.Opened {
		o := &w.Opened[j]
		if opened.last(o) != j {
			continue
		}
		t := b.parts[partOpened]
		if b.reopens || closed.last(o) >= 0 {
			t = b.parts[partReopened]
		}
		t[0].int4(i)
		t[1].uuid(o.DeviceID)
		t[2].uuid(o.FenceID)
		t[3].time(o.Since)
	}
	for j := range w.Closed {
		c := &w.Closed[j]
		if opened.last(c) < 0 {
			t := b.parts[partClosed]
			t[0].int4(i)
			t[1].uuid(c.DeviceID)
			t[2].uuid(c.FenceID)
		}
	}
}

type visitKey struct{ device, fence uuid.UUID }

// visitPlaces finds visits in a list.
type visitPlaces struct {
	list []engine.OpenVisit
	at   map[visitKey]int // the last of each; nil: the list is short
}

// shortVisits is up to how many visits it is quicker to go through them.
const shortVisits = 16

func placesOf(list []engine.OpenVisit) visitPlaces {
	p := visitPlaces{list: list}
	if len(list) > shortVisits {
		p.at = make(map[visitKey]int, len(list))
		for i := range list {
			p.at[visitKey{list[i].DeviceID, list[i].FenceID}] = i
		}
	}
	return p
}

// last is the place of the last visit of the same device and fence; -1: there is none.
func (p *visitPlaces) last(v *engine.OpenVisit) int {
	if p.at != nil {
		if i, ok := p.at[visitKey{v.DeviceID, v.FenceID}]; ok {
			return i
		}
		return -1
	}
	for i := len(p.list) - 1; i >= 0; i-- {
		if p.list[i].FenceID == v.FenceID && p.list[i].DeviceID == v.DeviceID {
			return i
		}
	}
	return -1
}

func (b *batch) addCoupon(i int32, c *engine.CouponWrite) {
	if c.Redeem {
		if c.Redemption == nil {
			return
		}
		t := b.parts[partRedeem]
		t[0].int4(i)
		t[1].uuid(c.ID)
		t[2].uuid(c.Redemption.ID)
		t[3].time(c.Redemption.At)
		t[4].uuidOrNull(c.Redemption.StoreID)
		t[5].text(c.Redemption.By)
		return
	}
	t := b.parts[partCoupon]
	t[0].int4(i)
	t[1].uuid(c.ID)
	t[2].uuid(c.OfferID)
	t[3].uuidOrNull(c.CampaignID)
	t[4].time(c.IssuedAt)
	t[5].timeOrNull(c.ExpiresAt)
	t[6].text(c.Code)
	t[7].uuidOrNull(c.Block)
	t[8].text(arrayText(c.Stores))
	t[9].text(c.Title)
}

// arrayText is a uuid[] in text form: an array of arrays must be rectangular, and these are not.
func arrayText(ids []uuid.UUID) string {
	var s strings.Builder
	s.WriteByte('{')
	for i, id := range ids {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(id.String())
	}
	s.WriteByte('}')
	return s.String()
}

func (b *batch) addDelivery(i int32, d *engine.DeliveryWrite) error {
	notification, err := json.Marshal(&d.Notification)
	if err != nil {
		return err
	}
	t := b.parts[partDelivery]
	t[0].int4(i)
	t[1].uuid(d.ID)
	t[2].time(d.CreatedAt)
	t[3].time(d.NotBefore)
	t[4].time(d.Deadline)
	if d.Lease > 0 {
		t[5].int8(d.Lease.Microseconds())
		t[6].int4(1)
		t[12].uuidOrNull(d.LeaseNode)
	} else {
		t[5].addNull()
		t[6].int4(0)
		t[12].addNull()
	}
	t[7].bool(d.HighPriority)
	t[8].uuid(d.DeviceID)
	t[9].uuidOrNull(d.CampaignID)
	t[10].uuidOrNull(d.DecisionID)
	t[11].uuid(d.Notification.ID)
	if d.State == "" {
		t[13].text(string(pusher.Pending))
	} else {
		t[13].text(string(d.State))
	}
	t[14].text(string(d.Provider))
	t[15].json(notification)
	return nil
}

func (b *batch) addRest(i int32, w *engine.PersonWrite) error {
	for j := range w.Consents {
		if err := addConsent(b.parts[partConsent], i, &w.Consents[j]); err != nil {
			return err
		}
	}
	for j := range w.Uses {
		b.addUse(i, &w.Uses[j])
	}
	if w.Profile != nil {
		body, err := json.Marshal(w.Profile)
		if err != nil {
			return err
		}
		b.parts[partProfile][0].int4(i)
		b.parts[partProfile][1].json(body)
	}
	if w.Revoke != "" {
		b.parts[partRevoke][0].int4(i)
		b.parts[partRevoke][1].text(w.Revoke)
	}
	if w.CancelDeliveries != "" {
		b.addCancel(i, w.CancelDeliveries, uuid.Nil)
	}
	for _, id := range w.CancelNotifications {
		b.addCancel(i, shownInApp, id)
	}
	for j := range w.Receipts {
		t := b.parts[partReceipt]
		t[0].int4(i)
		t[1].uuid(w.Receipts[j].NotificationID)
		t[2].text(w.Receipts[j].Kind)
		t[3].time(w.Receipts[j].At)
	}
	for j := range w.Purchases {
		addPurchase(b.parts[partPurchase], i, &w.Purchases[j])
	}
	for j := range w.Letters {
		b.addLetter(i, w.Version+1, &w.Letters[j])
	}
	return nil
}

func (b *batch) addUse(i int32, u *engine.LocationUse) {
	t := b.parts[partUse]
	t[0].int4(i)
	t[1].uuid(u.ID)
	t[2].text(u.Purpose)
	t[3].text(u.Method)
	t[4].text(u.Path)
	t[5].text(u.Recipient)
	t[6].uuidOrNull(u.ConsentID)
	t[7].time(u.From)
	t[8].time(u.Until)
}

func (b *batch) addLetter(i int32, seq int64, l *engine.Letter) {
	t := b.parts[partLetter]
	t[0].int4(i)
	t[1].uuid(l.WebhookID)
	t[2].uuid(l.ID)
	t[3].uuid(l.FactID)
	t[4].time(l.At)
	t[5].int8(seq)
	t[6].timeOrNull(l.NotBefore)
	t[7].int4(l.Ordinal)
	t[8].bool(l.Awaits)
	t[9].text(string(l.Event))
	t[10].textOrNull(l.ExternalID)
}

func (b *batch) addCancel(i int32, reason string, notification uuid.UUID) {
	t := b.parts[partCancel]
	t[0].int4(i)
	t[1].text(reason)
	t[2].uuidOrNull(notification)
}
