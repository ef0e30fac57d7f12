package api

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type decisionService struct {
	v1.UnimplementedDecisionServiceServer
	*Server
}

// maxLooked bounds how many decisions one call looks through for those of one campaign.
const maxLooked = 5000

// ExplainDecisions says why somebody did, or did not, get something.
func (s *decisionService) ExplainDecisions(ctx context.Context, r *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error) {
	c := callerOf(ctx)
	person, err := s.subject(ctx, c, r)
	if err != nil {
		return nil, err
	}
	return s.explain(ctx, c, person, r)
}

// Explain is ExplainDecisions for whoever runs the node, such as its command line: about anybody of a brand.
func (s *Server) Explain(ctx context.Context, brandID uuid.UUID, r *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error) {
	if err := s.checkMessage(r, ""); err != nil {
		return nil, err
	}
	d := &decisionService{Server: s}
	c := &Caller{Brand: brandID, Kind: v1.Access_SERVER}
	person, err := d.subject(ctx, c, r)
	if err != nil {
		return nil, err
	}
	return d.explain(ctx, c, person, r)
}

func (s *decisionService) explain(ctx context.Context, c *Caller, person uuid.UUID, r *v1.ExplainDecisionsRequest) (*v1.ExplainDecisionsResponse, error) {
	b, err := s.brandOf(c)
	if err != nil {
		return nil, err
	}
	in := s.speaker(b, orText(r.GetLocale(), b.Settings.Locale))
	out := &v1.ExplainDecisionsResponse{PersonId: person.String(), TimeZone: in.Zone.String()}
	if err := s.decisions(ctx, c, person, r, in, out); err != nil {
		return nil, err
	}
	if !r.GetCircumstances() && (len(out.GetDecisions()) > 0 || r.GetPageToken() != "") {
		return out, nil
	}
	now, err := s.engine.Circumstances(ctx, c.Brand, person, parseID(r.GetCampaignId()))
	if err != nil {
		return nil, missing(err, v1.ErrorReason_PERSON_NOT_FOUND)
	}
	out.Circumstances = circumstancesTo(now, in)
	if c.Kind == v1.Access_PHONE { // what else there would be is the brand's affair
		out.Circumstances.Prospects = nil
	}
	out.Circumstances.RefusedCredentials, err = s.refusedCredentials(ctx, c.Brand)
	return out, err
}

// decisions fills a page.
func (s *decisionService) decisions(ctx context.Context, c *Caller, person uuid.UUID, r *v1.ExplainDecisionsRequest, in campaign.Speaker, out *v1.ExplainDecisionsResponse) error {
	query := "decisions " + person.String() + r.GetCampaignId() + r.GetStartTime().String() + r.GetEndTime().String()
	cursor, err := readPageToken(query, r.GetPageToken())
	if err != nil {
		return err
	}
	filter := engine.TraceFilter{From: instant(r.GetStartTime()), To: instant(r.GetEndTime())}
	if cursor != "" {
		if filter.Before, err = uuid.FromBytes([]byte(cursor)); err != nil {
			return errPageToken()
		}
	}
	size, wanted := pageSize(r.GetPageSize(), smallPages), parseID(r.GetCampaignId())
	filter.Limit = size + 1
	for looked := 0; ; {
		rows, deliveries, err := s.engine.Explain(ctx, c.Brand, person, filter)
		if err != nil {
			return missing(err, v1.ErrorReason_PERSON_NOT_FOUND)
		}
		receipts, err := s.receiptsOf(ctx, engine.PersonKey{BrandID: c.Brand, PersonID: person}, rows)
		if err != nil {
			return err
		}
		for i := range rows {
			if len(out.Decisions) == size || looked >= maxLooked {
				out.NextPageToken = pageToken(query, string(filter.Before[:]))
				return nil
			}
			looked++
			filter.Before = rows[i].ID
			if wanted == uuid.Nil || rows[i].CampaignID == wanted {
				d := s.decisionTo(c.Brand, person, &rows[i], deliveries[rows[i].NotificationID], in)
				if n := d.GetNotification(); n != nil {
					heard := receipts[rows[i].NotificationID]
					n.ShownTime, n.OpenedTime, n.DismissedTime = receiptTime(heard, engine.Shown), receiptTime(heard, engine.Opened), receiptTime(heard, engine.Dismissed)
				}
				out.Decisions = append(out.Decisions, d)
			}
		}
		if len(rows) < filter.Limit {
			return nil
		}
	}
}

// subject is the person that is asked about: a phone's own, whatever the request names.
func (s *decisionService) subject(ctx context.Context, c *Caller, r *v1.ExplainDecisionsRequest) (uuid.UUID, error) {
	if c.Kind == v1.Access_PHONE {
		return c.Person, nil
	}
	var ref engine.PersonRef
	reason, values := v1.ErrorReason_PERSON_NOT_FOUND, []string{}
	switch by := r.GetSubject().(type) {
	case *v1.ExplainDecisionsRequest_PersonId:
		ref.PersonID, values = parseID(by.PersonId), []string{"person_id", by.PersonId}
	case *v1.ExplainDecisionsRequest_PersonExternalId:
		ref.PersonExternalID, values = by.PersonExternalId, []string{"external_id", by.PersonExternalId}
	case *v1.ExplainDecisionsRequest_DeviceId:
		ref.DeviceID, reason, values = parseID(by.DeviceId), v1.ErrorReason_DEVICE_NOT_FOUND, []string{"device_id", by.DeviceId}
	case *v1.ExplainDecisionsRequest_DeviceExternalId:
		ref.DeviceExternalID, reason, values = by.DeviceExternalId, v1.ErrorReason_DEVICE_NOT_FOUND, []string{"external_id", by.DeviceExternalId}
	case *v1.ExplainDecisionsRequest_CouponCode:
		reason = v1.ErrorReason_COUPON_NOT_FOUND
		code, err := campaign.ParseCode(by.CouponCode)
		if err != nil {
			return uuid.Nil, refuse(codes.NotFound, reason, "not found")
		}
		ref.CouponCode = code
	case *v1.ExplainDecisionsRequest_NotificationId:
		ref.NotificationID = parseID(by.NotificationId)
	case *v1.ExplainDecisionsRequest_DeliveryId:
		ref.DeliveryID = parseID(by.DeliveryId)
	default:
		var fs faults
		fs.add("subject", v1.ErrorReason_INVALID_FIELD, "a server names a person")
		return uuid.Nil, fs.err()
	}
	person, err := s.engine.PersonOf(ctx, c.Brand, ref)
	return person, missing(err, reason, values...)
}
