package replay

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/track"
)

// chunkSize is how many pings go to the engine in one call; their consequences are committed together.
const chunkSize = 8192

// run is one replay.
type run struct {
	engine       *engine.Engine
	clock        *engine.VirtualClock
	settings     brand.Settings
	without      []audience.Purpose
	places       []place
	brand        uuid.UUID
	tracks       *track.Recording
	devices      map[string]*player
	byID         map[uuid.UUID]string
	out          *output
	progress     func(pings int)
	campaignFile []byte

	chunk  []engine.Report
	pings  []engine.Ping
	until  int64 // the chunk's last admissible time, ms
	counts counts
}

// player is one recorded device: its id, and where an earlier run of the same tracks ended.
type player struct {
	id        uuid.UUID
	hash      uint64
	doneUntil int64     // ms; rows before are done
	doneLast  uuid.UUID // the last ping done, at doneUntil
	sameTime  int64     // ms of the row before
	ordinal   uint64    // of this row among those of its time
}

// counts are what the summary tells.
type counts struct {
	Pings       int
	Skipped     int // done by an earlier run
	Verdicts    map[string]int
	Transitions map[string]int
	Decisions   map[string]int
	Coupons     int
	Deliveries  int
}

// register makes a device and a person for every recorded device, with all consents, dated before the first row: but those to
// third parties, of which a replay has none.
func (r *run) register(ctx context.Context, first int64) error {
	consented := time.UnixMilli(first).UTC().Add(-time.Second)
	news := make([]engine.NewDevice, len(r.tracks.Devices))
	for i, name := range r.tracks.Devices {
		news[i] = engine.NewDevice{
			BrandID: r.brand,
			Device:  audience.Device{ExternalID: name, Platform: "other", TimeZone: r.settings.TimeZone, Locale: r.settings.Locale},
			Profile: audience.Profile{OfAge: true, TimeZone: r.settings.TimeZone, Locale: r.settings.Locale},
		}
		for _, p := range audience.Purposes {
			if p == audience.LocThirdParty || slices.Contains(r.without, p) {
				continue
			}
			news[i].Consents = append(news[i].Consents, audience.ConsentEvent{
				ID: uuid.New(), Purpose: p, Granted: true, OccurredAt: consented, NoticeVersion: "replay", Actor: audience.ActorSelf,
			})
		}
	}
	registered, err := r.engine.RegisterAll(ctx, news)
	if err != nil {
		return err
	}
	r.devices, r.byID = map[string]*player{}, map[uuid.UUID]string{}
	ids := make([]uuid.UUID, len(registered))
	for i := range registered {
		d := &registered[i].Device
		ids[i] = d.ID
		r.devices[d.ExternalID] = &player{id: d.ID, hash: binary.LittleEndian.Uint64(deviceHash(d.ExternalID))}
		r.byID[d.ID] = d.ExternalID
	}
	if err := r.makeReachable(ctx); err != nil {
		return err
	}
	marks, err := r.engine.Watermarks(ctx, r.brand, ids)
	if err != nil {
		return err
	}
	for name, p := range r.devices {
		mark := marks[r.devices[name].id]
		p.doneUntil, p.doneLast = mark.At, mark.Ping
	}
	return nil
}

// makeReachable gives every device an address, so that a campaign can win; nothing is ever handed out to it.
func (r *run) makeReachable(ctx context.Context) error {
	if len(r.campaignFile) == 0 {
		return nil
	}
	for name, p := range r.devices {
		a := &pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "replay-" + r.brand.String() + "-" + name}
		if err := r.engine.PutPushAddress(ctx, r.brand, p.id, a, nil, "", ""); err != nil {
			return err
		}
	}
	return nil
}

// play sends every row, lets the timers in between happen, and at last those that are left.
func (r *run) play(ctx context.Context) error {
	horizon := r.engine.Horizon(r.brand)
	for p := range r.tracks.Merge() {
		report, done := r.ping(&p)
		if done {
			continue
		}
		if err := r.advance(ctx, p.At); err != nil {
			return err
		}
		if len(r.chunk) == 0 {
			r.until = math.MaxInt64
			if horizon > 0 {
				r.until = p.At + horizon - 1
			}
		}
		r.pings = append(r.pings, report)
		r.chunk = append(r.chunk, engine.Report{
			DeviceID: r.devices[p.Device].id, Received: time.UnixMilli(p.At).UTC(), Import: true,
		})
		if len(r.chunk) == chunkSize {
			if err := r.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	if err := r.advance(ctx, math.MaxInt64); err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(r.devices))
	for _, p := range r.devices {
		ids = append(ids, p.id)
	}
	return r.engine.Settle(ctx, r.brand, ids)
}

// ping makes a row's ping. Its id depends on the row alone, so that the same row is the same ping in every run.
func (r *run) ping(p *track.Point) (ping engine.Ping, done bool) {
	d := r.devices[p.Device]
	if p.At != d.sameTime {
		d.sameTime, d.ordinal = p.At, 0
	}
	d.ordinal++
	ping = engine.Ping{
		ID: pingID(d.hash, p, d.ordinal), Place: geo.Point{Lat: p.Lat, Lng: p.Lng},
		Accuracy: p.Accuracy, Speed: p.Speed, At: p.At,
	}
	switch {
	case d.doneUntil == 0 || p.At > d.doneUntil:
		return ping, false
	case p.At == d.doneUntil && d.doneLast == uuid.Nil:
		return ping, false
	}
	if ping.ID == d.doneLast {
		d.doneLast = uuid.Nil
	}
	r.counts.Skipped++
	return ping, true
}

// advance lets timers due before a time happen, once what was before them is committed.
func (r *run) advance(ctx context.Context, to int64) error {
	for {
		next, ok := r.engine.NextTimer()
		due := ok && next.UnixMilli() <= to
		if len(r.chunk) > 0 && (due || to > r.until) {
			if err := r.flush(ctx); err != nil {
				return err
			}
			continue
		}
		if !due {
			return nil
		}
		r.clock.Set(next.UnixMilli())
		elapsed, err := r.engine.Advance(ctx, next)
		if err != nil {
			return fmt.Errorf("timers: %w", err)
		}
		for i := range elapsed {
			if err := r.tell(elapsed[i].DeviceID, &elapsed[i].Answer); err != nil {
				return err
			}
		}
	}
}

// flush hands the gathered pings to the engine and writes out what came of them.
func (r *run) flush(ctx context.Context) error {
	if len(r.chunk) == 0 {
		return nil
	}
	for i := range r.chunk {
		r.chunk[i].Pings = r.pings[i : i+1 : i+1]
	}
	r.clock.Set(r.chunk[len(r.chunk)-1].Received.UnixMilli())
	answers, err := r.engine.Handle(ctx, r.brand, r.chunk)
	if err != nil {
		return err
	}
	for i := range answers {
		if answers[i].Err != nil {
			return fmt.Errorf("device %s: %w", r.byID[r.chunk[i].DeviceID], answers[i].Err)
		}
		for _, p := range answers[i].Pings {
			r.counts.Verdicts[string(p.Verdict)]++
		}
		if err := r.tell(r.chunk[i].DeviceID, &answers[i]); err != nil {
			return err
		}
	}
	r.counts.Pings += len(r.chunk)
	r.progress(r.counts.Pings + r.counts.Skipped)
	r.chunk, r.pings = r.chunk[:0], r.pings[:0]
	return nil
}

// tell counts what an answer brought and writes it out.
func (r *run) tell(device uuid.UUID, a *engine.Answer) error {
	if len(a.Transitions) == 0 && len(a.Decisions) == 0 {
		return nil
	}
	name := r.byID[device]
	for i := range a.Transitions {
		r.counts.Transitions[a.Transitions[i].Kind.String()]++
		r.out.transition(name, &a.Transitions[i])
	}
	for i := range a.Decisions {
		d := &a.Decisions[i]
		r.counts.Decisions[d.Reason]++
		if d.CouponID != uuid.Nil {
			r.counts.Coupons++
		}
		if err := r.out.decision(name, r.campaignName(d.CampaignID), d); err != nil {
			return err
		}
	}
	for i := range a.Deliveries {
		r.counts.Deliveries++
		if err := r.out.delivery(name, &a.Deliveries[i]); err != nil {
			return err
		}
	}
	return r.out.err
}

func (r *run) campaignName(id uuid.UUID) string {
	if c, err := r.engine.Campaign(r.brand, id); err == nil {
		return c.ExternalID
	}
	return id.String()
}
