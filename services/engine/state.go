package engine

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/wantgo/wantgo/geo/presence"
	statev1 "github.com/wantgo/wantgo/proto/wantgo/state/v1"
	"github.com/wantgo/wantgo/pusher/cap"
	"github.com/wantgo/wantgo/services/audience"
)

// thisWriter is what this program understands of a person. 1: the first release; 2: consents to third parties in the profile.
// Fields that are added to the state survive older writers as unknown ones; fields of the profile do not.
const thisWriter = 2

// minWriter is the oldest writer that may serve a person with such a profile: an older one would write it without what it
// does not know. Whoever has none of that is served by all.
func minWriter(p *audience.Profile) int32 {
	if len(p.ThirdParties) > 0 {
		return 2
	}
	return 1
}

const (
	// keptEntries is how many notifications the ledger keeps one by one; older days are folded.
	keptEntries = 12
	// ledgerMemory is how far back folded counts can matter: the longest cap window any brand may set, and a day.
	ledgerMemory = 91 * 24 * time.Hour
)

// encode appends the hot state as it goes into the row.
func (h *hot) encode(b []byte) ([]byte, error) {
	m := &statev1.PersonState{LocationUseUntilMs: h.usedUntil, CoarseCell: h.cell, CoarseCellMs: h.cellAt}
	for i := range h.entries {
		m.Entries = append(m.Entries, entryMessage(&h.entries[i]))
	}
	for _, f := range h.folds {
		m.Folds = append(m.Folds, &statev1.FoldedCount{
			FromMs: f.From.UnixMilli(), UntilMs: f.Until.UnixMilli(), Scope: uint32(f.Scope), Key: f.Key, Count: uint32(f.Count),
		})
	}
	for offer, n := range h.issued {
		m.Issued = append(m.Issued, &statev1.OfferCount{OfferId: bytesOf(offer), Count: uint32(n)})
	}
	for _, id := range h.takenFrom {
		m.TakenFrom = append(m.TakenFrom, bytesOf(id))
	}
	m.PingCounts = packPings(h.pings)
	h.encodeMarks(m)
	h.packEvents(m)
	m.ProtoReflect().SetUnknown(h.unknown)
	b, err := proto.MarshalOptions{}.MarshalAppend(appendDevices(b, h.devices), m)
	if err != nil {
		return nil, fmt.Errorf("encode person state: %w", err)
	}
	return b, nil
}

func entryMessage(e *cap.Entry) *statev1.LedgerEntry {
	return &statev1.LedgerEntry{
		NotificationId: bytesOf(e.NotificationID), AtMs: e.At.UnixMilli(), CampaignId: bytesOf(e.Campaign),
		StoreId: bytesOf(e.Store), Channel: e.Channel, Tags: e.Tags, Released: e.Released,
	}
}

// decodeHot reads a row's state. No state at all is a person just registered.
func decodeHot(b []byte) (hot, error) {
	var m statev1.PersonState
	if err := proto.Unmarshal(b, &m); err != nil {
		return hot{}, fmt.Errorf("decode person state: %w", err)
	}
	h := hot{
		usedUntil: m.LocationUseUntilMs, cell: m.CoarseCell, cellAt: m.CoarseCellMs,
		issued: make(map[uuid.UUID]int, len(m.Issued)), unknown: m.ProtoReflect().GetUnknown(), pings: unpackPings(m.PingCounts),
	}
	h.decodeMarks(&m)
	for _, d := range m.Devices {
		h.devices = append(h.devices, deviceFrom(d))
	}
	for _, e := range m.Entries {
		h.entries = append(h.entries, cap.Entry{
			NotificationID: idFrom(e.NotificationId), At: timeFrom(e.AtMs), Campaign: idFrom(e.CampaignId),
			Store: idFrom(e.StoreId), Channel: e.Channel, Tags: e.Tags, Released: e.Released,
		})
	}
	for _, f := range m.Folds {
		h.folds = append(h.folds, cap.Fold{
			From: timeFrom(f.FromMs), Until: timeFrom(f.UntilMs), Scope: cap.Scope(f.Scope), Key: f.Key, Count: int(f.Count),
		})
	}
	for _, o := range m.Issued {
		h.issued[idFrom(o.OfferId)] = int(o.Count)
	}
	for _, id := range m.TakenFrom {
		h.takenFrom = append(h.takenFrom, idFrom(id))
	}
	h.unpackEvents(&m)
	return h, nil
}

func deviceFrom(m *statev1.DeviceState) *deviceState {
	d := &deviceState{id: idFrom(m.DeviceId), heardWritten: m.LastHeardMs}
	d.presence.Written = presence.Written{
		LastHeard: m.LastHeardMs, LastPing: presence.ID(idFrom(m.LastPingId)), PromisedBy: m.PromisedByMs,
		ClosedAt: m.ClosedAtMs, Revision: m.Revision,
	}
	for _, s := range m.Stays {
		d.presence.Stays = append(d.presence.Stays, presence.Stay{
			Fence: presence.ID(idFrom(s.FenceId)), Since: s.SinceMs, By: presence.ID(idFrom(s.ByPingId)),
			Confirmed: s.ConfirmedMs, DwellAt: s.DwellAtMs, Dwelled: s.Dwelled, Quiet: s.Quiet,
		})
	}
	for _, a := range m.Approaches {
		d.presence.Approaches = append(d.presence.Approaches, presence.Approach{Fence: presence.ID(idFrom(a.FenceId)), At: a.AtMs, Told: a.Told})
	}
	for b := m.RecentPingIds; len(b) >= 16; b = b[16:] {
		d.recent.add(idFrom(b[:16]))
	}
	return d
}

// compact folds what the ledger need not keep one by one.
func (h *hot) compact(now time.Time, zone *time.Location) {
	if len(h.entries) <= keptEntries {
		return
	}
	c := cap.Compact(cap.History{Location: zone, Entries: h.entries, Folds: h.folds}, now.Add(-24*time.Hour), now.Add(-ledgerMemory))
	h.entries, h.folds = c.Entries, c.Folds
}

// bytesOf is an id as a field: nothing for the zero id.
func bytesOf(id uuid.UUID) []byte {
	if id == uuid.Nil {
		return nil
	}
	return id[:]
}

func idFrom(b []byte) (id uuid.UUID) {
	copy(id[:], b)
	return id
}

func timeFrom(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
