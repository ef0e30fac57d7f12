package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/app/node"
	"github.com/wantgo/wantgo/services/app/why"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
)

type whyCommand struct {
	Storage      `embed:""`
	Remote       `embed:""`
	Person       string `help:"The person: the brand's own id, or the UUID." xor:"subject" required:"" placeholder:"ID"`
	Device       string `help:"The person of this device: the brand's own id, or the UUID." xor:"subject" required:"" placeholder:"ID"`
	Coupon       string `help:"The person who holds this coupon." xor:"subject" required:"" placeholder:"CODE"`
	Notification string `help:"The person whom this notification is for, by its UUID." xor:"subject" required:"" placeholder:"ID"`
	Delivery     string `help:"The person whom this delivery is for, by its UUID." xor:"subject" required:"" placeholder:"ID"`
	Campaign     string `help:"Only about this campaign, by its UUID." placeholder:"ID"`
	Since        string `help:"From this time on (RFC 3339), or so long ago (36h)." placeholder:"TIME"`
	Until        string `help:"Until before this time (RFC 3339), or so long ago." placeholder:"TIME"`
	AsOf         string `help:"How things stood at this time (RFC 3339) instead of now, as far as that is still known: for what was replayed. Not of a server." placeholder:"TIME"`
	Now          bool   `help:"Tell how things stand now, too. That is told in any case where nothing was decided."`
	Locale       string `help:"Language: ko, or en." default:"en"`
	Brand        string `help:"The brand, by name or UUID, where there are several. A server knows it by the key." placeholder:"NAME"`
	Limit        int    `help:"Most decisions." default:"20"`
	JSON         bool   `name:"json" help:"Print JSON: the answer of DecisionService.ExplainDecisions."`
}

// Run prints a person's decisions, newest first, and how things stand.
func (c *whyCommand) Run(ctx context.Context, out io.Writer, log *slog.Logger, s *settings) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		s.fault("limit", errors.New("must be 1 to 10000"))
	}
	if c.Address != "" {
		if c.AsOf != "" {
			s.fault("as-of", errors.New("a server answers as of now"))
		}
		conn, hangUp, err := c.dial(s)
		if err != nil {
			return err
		}
		defer hangUp()
		client := v1.NewDecisionServiceClient(conn)
		return c.explain(ctx, out, s, time.Now(), func(ctx context.Context, r *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error) {
			return client.ExplainDecisions(ctx, r)
		})
	}
	return c.opened(ctx, s, log, func(n *node.Node) error {
		b, err := c.brand(n.Engine())
		if err != nil {
			return err
		}
		return c.explain(ctx, out, s, n.Engine().Now(), func(ctx context.Context, r *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error) {
			return n.API().Explain(ctx, b.ID, r)
		})
	})
}

// opened lets f use a node whose time is now, or the one that was named.
func (c *whyCommand) opened(ctx context.Context, s *settings, log *slog.Logger, use func(*node.Node) error) error {
	config := c.config(s, log)
	if at := timeOf(s, "as-of", c.AsOf, time.Now()); at != nil {
		clock := &engine.VirtualClock{}
		clock.Set(at.AsTime().UnixMilli())
		config.Clock = clock
	}
	return s.use(ctx, config, use)
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

// asking is ExplainDecisions, of a server or of the database.
type asking func(context.Context, *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error)

// explain asks page by page and prints.
func (c *whyCommand) explain(ctx context.Context, out io.Writer, s *settings, now time.Time, ask asking) error {
	from, until := timeOf(s, "since", c.Since, now), timeOf(s, "until", c.Until, now)
	if err := s.err(); err != nil {
		return err
	}
	whole := &v1.ExplainDecisionsResponse{}
	for _, r := range c.requests() {
		r.StartTime, r.EndTime, r.CampaignId = from, until, c.Campaign
		r.Locale, r.Circumstances = c.Locale, c.Now
		err := c.pages(ctx, r, ask, whole)
		if status.Code(err) == codes.NotFound {
			continue
		}
		if err != nil {
			return told(err)
		}
		return c.print(out, whole)
	}
	return errors.New("nobody is known by that")
}

// requests name the subject in each way in which it may be meant, the brand's own id first.
func (c *whyCommand) requests() (requests []*v1.ExplainDecisionsRequest) {
	_, err := uuid.Parse(c.Person + c.Device)
	isID := err == nil
	add := func(r *v1.ExplainDecisionsRequest) { requests = append(requests, r) }
	switch {
	case c.Person != "":
		add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_PersonExternalId{PersonExternalId: c.Person}})
		if isID {
			add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_PersonId{PersonId: c.Person}})
		}
	case c.Device != "":
		add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_DeviceExternalId{DeviceExternalId: c.Device}})
		if isID {
			add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_DeviceId{DeviceId: c.Device}})
		}
	case c.Coupon != "":
		add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_CouponCode{CouponCode: c.Coupon}})
	case c.Notification != "":
		add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_NotificationId{NotificationId: c.Notification}})
	default:
		add(&v1.ExplainDecisionsRequest{Subject: &v1.ExplainDecisionsRequest_DeliveryId{DeliveryId: c.Delivery}})
	}
	return requests
}

// mostPage is how many decisions one call gives at most.
const mostPage = 500

func (c *whyCommand) pages(ctx context.Context, r *v1.ExplainDecisionsRequest, ask asking, whole *v1.ExplainDecisionsResponse) error {
	for {
		r.PageSize = int32(min(mostPage, c.Limit-len(whole.Decisions)))
		page, err := ask(ctx, r)
		if err != nil {
			return err
		}
		whole.PersonId, whole.TimeZone = page.GetPersonId(), page.GetTimeZone()
		whole.Decisions = append(whole.Decisions, page.GetDecisions()...)
		if page.GetCircumstances() != nil {
			whole.Circumstances = page.GetCircumstances()
		}
		if r.PageToken, r.Circumstances = page.GetNextPageToken(), false; r.PageToken == "" || len(whole.Decisions) >= c.Limit {
			return nil
		}
	}
}

func (c *whyCommand) print(out io.Writer, r *v1.ExplainDecisionsResponse) error {
	if !c.JSON {
		return why.New(out, c.Locale, cmp.Or(r.GetTimeZone(), "UTC")).Explained(r)
	}
	text, err := protojson.Marshal(r)
	if err == nil {
		_, err = fmt.Fprintln(out, string(text))
	}
	return err
}

// timeOf reads a time, or how long ago it was; empty: none.
func timeOf(s *settings, flag, text string, now time.Time) *timestamppb.Timestamp {
	if text == "" {
		return nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return timestamppb.New(now.Add(-ago))
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		s.fault(flag, fmt.Errorf("%q is neither a time such as 2026-11-22T09:00:00+09:00 nor a duration such as 36h", text))
		return nil
	}
	return timestamppb.New(at)
}
