package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type whyCommand struct {
	Storage      `embed:""`
	Person       string `help:"The person: the brand's own id, or the UUID." xor:"subject" required:"" placeholder:"ID"`
	Device       string `help:"The person of this device: the brand's own id, or the UUID." xor:"subject" required:"" placeholder:"ID"`
	Coupon       string `help:"The person who holds this coupon." xor:"subject" required:"" placeholder:"CODE"`
	Notification string `help:"The person whom this notification is for, by its UUID." xor:"subject" required:"" placeholder:"ID"`
	Brand        string `help:"The brand, by name or UUID, where there are several." placeholder:"NAME"`
	Limit        int    `help:"Most decisions." default:"20"`
	JSON         bool   `name:"json" help:"Print one JSON object a decision, one a line."`
}

// Run prints a person's decisions, newest first.
func (c *whyCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		s.fault("limit", errors.New("must be 1 to 10000"))
	}
	return c.withNode(ctx, s, log, func(n *node.Node) error {
		b, err := c.brand(n.Engine())
		if err != nil {
			return err
		}
		return c.explain(ctx, out, n.Engine(), b)
	})
}

// brand is the one that was named, or the only one.
func (c *whyCommand) brand(e *engine.Engine) (*brand.Brand, error) {
	var found []*brand.Brand
	for _, b := range e.Brands() {
		if c.Brand == "" || b.Name == c.Brand || b.ID.String() == c.Brand {
			found = append(found, b)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, errors.New("there is no such brand")
	}
	names := make([]string, len(found))
	for i, b := range found {
		names[i] = fmt.Sprintf("%s (%s)", b.Name, b.ID)
	}
	return nil, fmt.Errorf("--brand says which one: %s", strings.Join(names, ", "))
}

// person finds whom the flags mean.
func (c *whyCommand) person(ctx context.Context, e *engine.Engine, brandID uuid.UUID) (uuid.UUID, error) {
	refs := []engine.PersonRef{{PersonExternalID: c.Person}, {DeviceExternalID: c.Device}, {CouponCode: strings.ToUpper(c.Coupon)}}
	if id, err := uuid.Parse(c.Person + c.Device + c.Notification); err == nil {
		switch {
		case c.Person != "":
			refs = append(refs, engine.PersonRef{PersonID: id})
		case c.Device != "":
			refs = append(refs, engine.PersonRef{DeviceID: id})
		default:
			refs = append(refs, engine.PersonRef{NotificationID: id})
		}
	}
	for _, ref := range refs {
		if ref == (engine.PersonRef{}) {
			continue
		}
		id, err := e.PersonOf(ctx, brandID, ref)
		if err == nil || !errors.Is(err, engine.ErrNotFound) {
			return id, err
		}
	}
	return uuid.Nil, errors.New("nobody is known by that")
}

func (c *whyCommand) explain(ctx context.Context, out io.Writer, e *engine.Engine, b *brand.Brand) error {
	person, err := c.person(ctx, e, b.ID)
	if err != nil {
		return err
	}
	rows, deliveries, err := e.Explain(ctx, b.ID, person, engine.TraceFilter{Limit: c.Limit})
	if err != nil {
		return err
	}
	x := explainer{engine: e, brand: b, zone: b.Settings.Zone()}
	if !c.JSON {
		fmt.Fprintf(out, "Person %s of %q, decisions kept: %d, the latest first (times of %s).\n", person, b.Name, len(rows), x.zone)
	}
	for i := range rows {
		told := x.tell(&rows[i], deliveries[rows[i].NotificationID])
		if c.JSON {
			err = json.NewEncoder(out).Encode(told)
		} else {
			err = told.print(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// told is a decision as it is printed.
type told struct {
	ID           uuid.UUID         `json:"id"`
	Time         time.Time         `json:"time"`
	Campaign     string            `json:"campaign,omitempty"`
	CampaignID   *uuid.UUID        `json:"campaign_id,omitempty"`
	Moment       string            `json:"moment,omitempty"`
	Store        string            `json:"store,omitempty"`
	PlaceDropped bool              `json:"place_dropped,omitempty"`
	Reason       string            `json:"reason"`
	Values       map[string]string `json:"values,omitempty"`
	Sentence     string            `json:"sentence"`
	Notification *uuid.UUID        `json:"notification_id,omitempty"`
	Coupon       *uuid.UUID        `json:"coupon_id,omitempty"`
	Channel      string            `json:"channel,omitempty"`
	Deliveries   []toldDelivery    `json:"deliveries,omitempty"`
}

type toldDelivery struct {
	ID       uuid.UUID `json:"id"`
	Device   uuid.UUID `json:"device_id"`
	Provider string    `json:"provider"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	Code     string    `json:"code,omitempty"`
	Deadline time.Time `json:"deadline_time"`
}

func (t *told) print(w io.Writer) error {
	where := "at a place that is no longer kept"
	switch {
	case t.Moment == "":
		where = ""
	case t.Store != "":
		where = t.Moment + " " + t.Store
	case t.PlaceDropped:
		where = t.Moment + " " + where
	default:
		where = t.Moment + " a fence without a store"
	}
	fmt.Fprintf(w, "\n%s  %s", t.Time.Format("2006-01-02 15:04:05"), where)
	if t.Campaign != "" {
		fmt.Fprintf(w, " · campaign %q", t.Campaign)
	}
	_, err := fmt.Fprintf(w, "\n  %s: %s\n", t.Reason, t.Sentence)
	for _, d := range t.Deliveries {
		_, err = fmt.Fprintf(w, "  delivery to device %s by %s: %s%s after %d attempt(s)\n", d.Device, d.Provider, d.State, because(d.Code), d.Attempts)
	}
	return err
}

// explainer puts traces into words.
type explainer struct {
	engine *engine.Engine
	brand  *brand.Brand
	zone   *time.Location
}

func (x *explainer) tell(row *engine.TraceRow, deliveries []pusher.Delivery) *told {
	t := &told{
		ID: row.ID, Time: row.At.In(x.zone), Moment: row.Kind, Reason: row.Reason, Values: row.Values, Channel: row.Channel,
		PlaceDropped: row.Place == nil && row.Kind != "", Notification: unlessNil(row.NotificationID), Coupon: unlessNil(row.CouponID),
		CampaignID: unlessNil(row.CampaignID),
	}
	if row.CampaignID != uuid.Nil {
		t.Campaign = x.campaign(row.CampaignID)
	}
	if row.Place != nil && row.Place.StoreID != uuid.Nil {
		t.Store = x.store(row.Place.StoreID)
	}
	t.Sentence = x.speaker().Say(campaign.Reason(row.Reason), row.Values)
	for i := range deliveries {
		d := &deliveries[i]
		t.Deliveries = append(t.Deliveries, toldDelivery{d.ID, d.DeviceID, string(d.Provider), string(d.State), d.Attempt, d.Code, d.Deadline})
	}
	return t
}

// because tells why a delivery ended or waits.
func because(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

func unlessNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// speaker says reasons in English, as the rest of what is printed.
func (x *explainer) speaker() campaign.Speaker {
	return campaign.Speaker{Locale: "en", Zone: x.zone, Name: x.campaign}
}

// campaign is a campaign's name, or its id where it is gone.
func (x *explainer) campaign(id uuid.UUID) string {
	c, err := x.engine.Campaign(x.brand.ID, id)
	if err != nil {
		return id.String()
	}
	return cmp.Or(c.Name, c.ExternalID, id.String())
}

func (x *explainer) store(id uuid.UUID) string {
	s, err := x.engine.Store(x.brand.ID, id)
	if err != nil {
		return id.String()
	}
	if name := s.Names[x.brand.Settings.Locale]; name != "" {
		return name
	}
	for _, name := range s.Names {
		return name
	}
	if s.ExternalID != "" {
		return s.ExternalID
	}
	return id.String()
}
