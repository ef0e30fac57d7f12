package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/campaign"
)

// RowStanding tells whether anything can be decided about a person.
type RowStanding uint8

// The standings.
const (
	Ready      RowStanding = iota + 1
	LedgerFull             // what caps and offers count has filled the row: nothing is decided
	NewerState             // written by a newer release than this node runs
	Unreadable             // makes no sense
	HandedOver             // another person has everything
	Erasing
)

// Obstacle is a gate's refusal of now.
type Obstacle struct {
	Reason campaign.Reason
	Values map[string]string
}

// Prospect is what a campaign would say if the person came now. Obstacle's Reason is empty: every gate would pass.
type Prospect struct {
	Campaign *campaign.Campaign
	Kind     campaign.Kind
	Obstacle
	NotNear bool
}

// DeviceStanding is how things stand with one of a person's phones.
type DeviceStanding struct {
	audience.Device
	LastContact  time.Time // zero: nothing was heard of it
	Unreachable  audience.Unreachable
	Address      *audience.AddressEvent // the last change of its address; nil: none that is kept
	LastDelivery *pusher.Delivery       // nil: none that is kept
}

// Circumstances are how things stand with a person, for when nothing happened. No position is among them.
type Circumstances struct {
	At          time.Time
	Standing    RowStanding
	LastContact time.Time // of any phone; zero: never
	Obstacles   []Obstacle
	Profile     *audience.Profile // nil: it cannot be read
	Devices     []DeviceStanding
	Pings       []PingCount
	Prospects   []Prospect
}

// maxStandings is how many phones are told of.
const maxStandings = 8

// Circumstances tells how things stand with a person, the campaigns near among it, and what one campaign would say
// wherever it is, unless that is the zero id. It reads, and changes nothing. ErrNotFound: there is no such person.
func (e *Engine) Circumstances(ctx context.Context, brandID, personID, campaignID uuid.UUID) (*Circumstances, error) {
	key := PersonKey{brandID, personID}
	v := e.catalogue.view(brandID)
	if v == nil {
		return nil, notFound("brand")
	}
	rows, err := e.people.Load(ctx, []PersonKey{key})
	if err != nil {
		return nil, fmt.Errorf("circumstances: %w", err)
	}
	if len(rows) == 0 {
		return nil, notFound("person")
	}
	c := &Circumstances{At: e.clock.Now()}
	p := c.read(&rows[0])
	live := e.liveOf(key)
	c.Pings = toldPings(joinPings(p.hot.pings, live.unwritten), c.At)
	if err := e.standDevices(ctx, c, p, live); err != nil {
		return nil, err
	}
	c.obstruct(v, p)
	if c.Standing == Ready || c.Standing == LedgerFull {
		t := newTurn(ctx, e, p, v)
		c.Prospects = t.prospects(c.At, campaignID, live.heard(p))
		t.release()
	}
	return c, nil
}

// read takes a row in as far as it can be, as a person that nobody else has.
func (c *Circumstances) read(row *PersonRow) *person {
	p := &person{key: row.Key, version: row.Version, status: row.Status, successor: row.SuccessorID, devices: row.Devices}
	h, err := row.hot()
	switch {
	case errors.Is(err, ErrNewerState):
		c.Standing = NewerState
	case err != nil:
		c.Standing = Unreadable
	case row.Status == PersonGiving || row.Status == PersonSignpost:
		c.Standing = HandedOver
	case row.Status == PersonErasing:
		c.Standing = Erasing
	case h.ledgerFull():
		c.Standing = LedgerFull
	default:
		c.Standing = Ready
	}
	if err != nil {
		return p
	}
	p.hot, p.profile, p.loaded, p.loadedAt = h, row.Profile, true, c.At
	c.Profile = &p.profile
	return p
}

// live is what only this node's memory knows of a person.
type live struct {
	unwritten []pingCount
	lastHeard map[uuid.UUID]int64 // by device, ms
}

func (e *Engine) liveOf(key PersonKey) (l live) {
	p, ok := e.copies.people.Peek(key)
	if !ok {
		return l
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.unwritten, l.lastHeard = joinPings(p.unwritten), map[uuid.UUID]int64{}
	for _, d := range p.hot.devices {
		l.lastHeard[d.id] = d.presence.LastHeard
	}
	return l
}

// heard is when the person was last heard of, as far as its place may still be what the row says, ms.
func (l *live) heard(p *person) (at int64) {
	at = p.hot.cellAt
	for _, d := range p.hot.devices {
		at = max(at, d.presence.LastHeard, l.lastHeard[d.id])
	}
	return at
}

// standDevices tells of the phones: of each the last contact, and what providers said.
func (e *Engine) standDevices(ctx context.Context, c *Circumstances, p *person, l live) error {
	last, err := e.lastDeliveries(ctx, p.key)
	if err != nil {
		return err
	}
	for i := range p.devices {
		d := DeviceStanding{Device: p.devices[i], LastContact: p.devices[i].LastSeenAt, LastDelivery: last[p.devices[i].ID]}
		heard := l.lastHeard[d.ID]
		if state := p.hot.device(d.ID); state != nil {
			heard = max(heard, state.presence.LastHeard)
		}
		if at := time.UnixMilli(heard).UTC(); heard > 0 && at.After(d.LastContact) {
			d.LastContact = at
		}
		if d.LastContact.After(c.LastContact) {
			c.LastContact = d.LastContact
		}
		if i >= maxStandings {
			continue
		}
		_, d.Unreachable = audience.Reachable(&d.Device)
		changes, err := e.directory.AddressHistory(ctx, p.key.BrandID, d.ID, time.Time{}, 1)
		if err != nil {
			return fmt.Errorf("what became of an address: %w", err)
		}
		if len(changes) > 0 {
			d.Address = &changes[0]
		}
		c.Devices = append(c.Devices, d)
	}
	return nil
}

// lastWon is how many of the last notifications are looked through for the last delivery to each phone.
const lastWon = 10

func (e *Engine) lastDeliveries(ctx context.Context, key PersonKey) (map[uuid.UUID]*pusher.Delivery, error) {
	rows, by, err := e.Explain(ctx, key.BrandID, key.PersonID, TraceFilter{Reason: string(campaign.Won), Limit: lastWon})
	if err != nil {
		return nil, err
	}
	last := map[uuid.UUID]*pusher.Delivery{}
	for i := range rows {
		deliveries := by[rows[i].NotificationID]
		for k := range deliveries {
			if d := &deliveries[k]; last[d.DeviceID] == nil {
				last[d.DeviceID] = d
			}
		}
	}
	return last, nil
}

// obstruct names what refuses every ping, or every advertisement, now.
func (c *Circumstances) obstruct(v *view, p *person) {
	add := func(r campaign.Reason, values map[string]string) {
		c.Obstacles = append(c.Obstacles, Obstacle{r, values})
	}
	if c.Profile != nil {
		if ok, why := audience.MayLocate(c.Profile, v.brand, c.At); !ok {
			add(campaign.Reason(why.String()), nil)
		}
	}
	if v.brand.Stopped {
		add(campaign.BrandStopped, nil)
	}
	if c.Profile == nil {
		return
	}
	if !c.Profile.Consented(audience.AdPush) {
		add(campaign.AdNotConsented, map[string]string{"purpose": string(audience.AdPush)})
	}
	if why := noPushAtAll(p); why != "" {
		add(campaign.Unreachable, map[string]string{"why": why})
	}
}

// noPushAtAll is why a push can reach none of the phones: of the most recently seen one; empty: one can be reached.
func noPushAtAll(p *person) string {
	if os, told := p.profile.Consents[audience.OSPush]; told && !os.Granted {
		return lowerOf(audience.OSPushIsRefused)
	}
	if len(p.devices) == 0 {
		return "device_unknown"
	}
	for i := range p.devices {
		if ok, _ := audience.Reachable(&p.devices[i]); ok {
			return ""
		}
	}
	_, why := audience.Reachable(&p.devices[0])
	return lowerOf(why)
}
