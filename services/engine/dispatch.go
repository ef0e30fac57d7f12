package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// recheckAge is how old a decision may be before consent is read from the row again and not from the node's copy.
const recheckAge = time.Second

// leased makes a delivery of a decision ready to be written: leased to this node when it may start at once, else to
// nobody, for whoever sweeps at its time.
func (e *Engine) leased(key PersonKey, d pusher.Delivery) DeliveryWrite {
	d.BrandID, d.PersonID = key.BrandID, key.PersonID
	if d.State == pusher.Suppressed { // shown in the app and nowhere else: kept for the inbox
		return DeliveryWrite{Delivery: d}
	}
	d.State = pusher.Pending
	if e.dispatcher == nil || d.NotBefore.After(e.clock.Now()) {
		return DeliveryWrite{Delivery: d}
	}
	d.LeaseNode, d.Attempt = e.node, 1
	return DeliveryWrite{Delivery: d, Lease: e.dispatcher.Lease()}
}

// dispatch hands over what was just committed.
func (e *Engine) dispatch(t *turn) {
	if e.dispatcher == nil {
		return
	}
	var fresh []pusher.Delivery
	for i := range t.write.Deliveries {
		if t.write.Deliveries[i].LeaseNode == e.node {
			fresh = append(fresh, t.write.Deliveries[i].Delivery)
		}
	}
	if len(fresh) > 0 {
		e.dispatcher.OfferSince(fresh, t.begun)
	}
}

func (e *Engine) monotonic() time.Duration {
	if e.dispatcher == nil {
		return 0
	}
	return e.dispatcher.Monotonic()
}

// Recheck asks again, just before an attempt, what may have changed since the decision, and where the device is
// reached now.
func (e *Engine) Recheck(ctx context.Context, d *pusher.Delivery, now time.Time) (to pusher.Address, ok bool, state pusher.State, reason string) {
	key := PersonKey{d.BrandID, d.PersonID}
	v := e.catalogue.view(d.BrandID)
	if v == nil {
		return to, false, pusher.Pending, "BRAND_NOT_LOADED"
	}
	if e.sendings.isCancelled(d.Notification.Batch) {
		return to, false, pusher.Cancelled, CodeCancelled
	}
	profile, devices, status, err := e.recent(ctx, key, now.Sub(d.CreatedAt) > recheckAge)
	switch {
	case isNotFound(err):
		return to, false, pusher.Cancelled, "PERSON_GONE"
	case err != nil:
		return to, false, pusher.Pending, "PERSON_NOT_READ"
	case status != PersonActive:
		return to, false, pusher.Cancelled, "PERSON_GONE"
	}
	if reason := e.changed(v, d, &profile, devices, now); reason != "" {
		return to, false, pusher.Suppressed, string(reason)
	}
	i := slices.IndexFunc(devices, func(have audience.Device) bool { return have.ID == d.DeviceID })
	if i < 0 {
		return to, false, pusher.Cancelled, "DEVICE_MOVED"
	}
	if reachable, why := audience.Reachable(&devices[i]); !reachable {
		return to, false, pusher.Failed, why.String()
	}
	return *devices[i].Address, true, "", ""
}

// recent is the person as the node has it, or as the row has it.
func (e *Engine) recent(ctx context.Context, key PersonKey, fresh bool) (audience.Profile, []audience.Device, PersonStatus, error) {
	if !fresh {
		if people, unlock, err := e.hold(ctx, []PersonKey{key}); err == nil {
			defer unlock()
			if len(people) == 1 && people[0].fault != nil {
				return audience.Profile{}, nil, 0, people[0].fault
			}
			if len(people) == 1 {
				return people[0].profile, people[0].devices, people[0].status, nil
			}
			return audience.Profile{}, nil, 0, ErrNotFound
		}
	}
	row, err := e.rows.read(ctx, e.people, key)
	if err != nil {
		return audience.Profile{}, nil, 0, err
	}
	if row == nil {
		return audience.Profile{}, nil, 0, ErrNotFound
	}
	if row.Fault != nil {
		return audience.Profile{}, nil, 0, fmt.Errorf("%w: %w", ErrUnreadable, row.Fault)
	}
	return row.Profile, row.Devices, row.Status, nil
}

// changed names the gate that would refuse now.
func (e *Engine) changed(v *view, d *pusher.Delivery, p *audience.Profile, devices []audience.Device, now time.Time) campaign.Reason {
	c, err := e.Campaign(d.BrandID, d.CampaignID)
	switch {
	case v.brand.Stopped:
		return campaign.BrandStopped
	case err != nil || c.State != campaign.Live && !(p.Test && campaign.IsTest(d.Notification.Data)):
		return campaign.CampaignNotLive
	case !e.digestLives(d):
		return campaign.CampaignNotLive
	case p.Paused(now) && c.Locates():
		return campaign.LocationPaused
	}
	return campaign.AskAgain(v.brand, c, p, devices, now)
}

// digestLives tells whether all campaigns that a digest speaks of are live; true of what is no digest.
func (e *Engine) digestLives(d *pusher.Delivery) bool {
	for _, id := range campaign.DigestOf(d.Notification.Data) {
		if c, err := e.Campaign(d.BrandID, id); err != nil || c.State != campaign.Live {
			return false
		}
	}
	return true
}

// DeliveryEnded takes what an end means to the address and to the caps: room is given back only when no phone can
// have received anything.
func (e *Engine) DeliveryEnded(ctx context.Context, d *pusher.Delivery, end pusher.End, r pusher.Result) {
	if r.Outcome == pusher.OutcomeAddressGone || r.Quarantine {
		e.markAddress(ctx, d, end, r)
	}
	if !end.SurelyNotReceived || end.State == pusher.Accepted {
		return
	}
	e.giveRoom(ctx, PersonKey{d.BrandID, d.PersonID}, d.Notification.ID)
}

// giveRoom gives back what a notification took of the caps.
func (e *Engine) giveRoom(ctx context.Context, key PersonKey, notification uuid.UUID) {
	err := e.release(ctx, key, notification)
	if err != nil && !isNotFound(err) && !errors.Is(err, ErrGone) { // handed over or erased: the room stays taken
		e.log.Error("room in the caps could not be given back", "brand", key.BrandID, "person", key.PersonID,
			"notification", notification, "error", err)
	}
}

func (e *Engine) markAddress(ctx context.Context, d *pusher.Delivery, end pusher.End, r pusher.Result) {
	state := audience.AddressGone
	if r.Quarantine {
		state = audience.AddressQuarantined
	}
	changed, err := e.directory.SetAddressState(ctx, d.BrandID, d.DeviceID, d.To, state, end.Code, r.GoneSince)
	if changed {
		e.metrics.addresses.WithLabelValues(string(d.To.Provider), state, end.Code).Inc()
	}
	if err != nil && !isNotFound(err) {
		e.log.Error("an address could not be marked", "brand", d.BrandID, "device", d.DeviceID, "state", state, "error", err)
		return
	}
	e.copies.forget(PersonKey{d.BrandID, d.PersonID})
}

// release marks a notification's reservation as given back. It reopens nothing: the next moment finds the room.
func (e *Engine) release(ctx context.Context, key PersonKey, notification uuid.UUID) error {
	return e.change(ctx, key, func(t *turn) error {
		entries := slices.Clone(t.p.hot.entries)
		for i := range entries {
			// What was in the answer to a phone in use may have been read, whatever became of the push behind it.
			if entries[i].NotificationID == notification && !entries[i].Released && entries[i].Channel != campaign.ChannelInApp {
				entries[i].Released = true
				t.dirty = true
			}
		}
		t.p.hot.entries = entries
		return nil
	})
}
