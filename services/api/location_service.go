package api

import (
	"context"
	"errors"
	"io"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
)

type locationService struct {
	v1.UnimplementedLocationServiceServer
	*Server
}

// ReportPings takes a phone's pings.
func (s *locationService) ReportPings(ctx context.Context, r *v1.ReportPingsRequest) (*v1.ReportPingsResponse, error) {
	c := callerOf(ctx)
	report := s.newReport(c.Device, r)
	results := make([]*v1.PingResult, len(r.GetPings()))
	places := make([]int, 0, 8)
	report.Pings = make([]engine.Ping, 0, len(r.GetPings()))
	for i, p := range r.GetPings() {
		id, f := readReported(p, r.GetSentTime(), report.Received)
		if f.code != 0 {
			results[i] = s.refused(p.GetId(), f)
			continue
		}
		report.Pings = append(report.Pings, pingFrom(p, id))
		places = append(places, i)
	}
	answer, err := s.handle(ctx, c, report)
	if err != nil {
		return nil, err
	}
	for i, a := range answer.Pings {
		results[places[i]] = resultOf(r.GetPings()[places[i]].GetId(), a)
	}
	if len(answer.Transitions) > 0 {
		taken := map[uuid.UUID]*v1.PingResult{}
		for i, a := range answer.Pings {
			if taken[a.ID] == nil {
				taken[a.ID] = results[places[i]]
			}
		}
		placeTransitions(answer.Transitions, taken, results)
	}
	return s.reportTo(ctx, c, r, answer, results), nil
}

func (s *locationService) newReport(device uuid.UUID, r *v1.ReportPingsRequest) engine.Report {
	report := engine.Report{
		DeviceID: device, Foreground: r.GetAppState() == v1.Ping_FOREGROUND, Token: r.GetPresenceToken(), Received: s.engine.Now(),
		Slots: int(r.GetFenceSlots()), ZoneVersion: r.GetZoneVersion(),
	}
	return withSent(report, r.GetSentTime())
}

// withSent notes the caller's clock, where the caller told it.
func withSent(report engine.Report, sent *timestamppb.Timestamp) engine.Report {
	report.SentAt = instant(sent)
	return report
}

// handle gives one report to the engine. Of a report without a usable ping nothing is asked but that the device exists,
// which authentication has made sure of.
func (s *locationService) handle(ctx context.Context, c *Caller, report engine.Report) (engine.Answer, error) {
	if len(report.Pings) == 0 {
		return engine.Answer{Token: report.Token}, nil
	}
	answers, err := s.engine.Handle(ctx, c.Brand, []engine.Report{report})
	if err != nil {
		return engine.Answer{}, err
	}
	err = answers[0].Err
	if errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrGone) {
		err = unknownDevice()
	}
	return answers[0], err
}

func (s *locationService) reportTo(ctx context.Context, c *Caller, r *v1.ReportPingsRequest, a engine.Answer, results []*v1.PingResult) *v1.ReportPingsResponse {
	out := &v1.ReportPingsResponse{Results: results, PresenceToken: a.Token, ServerTime: s.now(), SafeZone: zoneTo(a.Zone)}
	if a.NextReport > 0 {
		out.NextReportAfter = durationpb.New(a.NextReport)
	}
	if len(a.Offers) > 0 && r.GetAppState() == v1.Ping_FOREGROUND {
		out.InAppMessage = s.inAppTo(ctx, c, &a.Offers[0])
	}
	return out
}

// inAppTo is what the app shows at once.
func (s *locationService) inAppTo(ctx context.Context, c *Caller, o *engine.OfferAnswer) *v1.InAppMessage {
	out := &v1.InAppMessage{
		NotificationId: o.NotificationID.String(), CampaignId: o.CampaignID.String(), Title: o.Title, Body: o.Body,
		Category: v1.Campaign_AD, DeepLink: o.DeepLink, ShowUntilTime: stamp(o.ExpiresAt),
	}
	if category := keyOf(categories, campaign.Category(o.Category)); category != v1.Campaign_CATEGORY_UNSPECIFIED {
		out.Category = category
	}
	if b, err := s.engine.Brand(c.Brand); err == nil {
		out.SenderName, out.SenderContact = b.Settings.SenderName, b.Settings.SenderContact
	}
	if o.CouponID == uuid.Nil {
		return out
	}
	if coupon, err := s.engine.Coupon(ctx, c.Brand, c.Device, o.CouponID); err == nil {
		out.Coupon = s.couponTo(&coupon)
		return out
	}
	// The coupon is committed; its row could not be read just now.
	out.Coupon = &v1.Coupon{
		Id: o.CouponID.String(), CampaignId: o.CampaignID.String(), Code: o.Code, State: v1.Coupon_ISSUED,
		ExpireTime: stamp(o.ExpiresAt), DeepLink: o.DeepLink,
	}
	return out
}

// StreamPings is ReportPings on one open call.
func (s *locationService) StreamPings(stream v1.LocationService_StreamPingsServer) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := s.ReportPings(stream.Context(), r.GetReport())
		if err != nil {
			return err
		}
		if err := stream.Send(&v1.StreamPingsResponse{Report: answer}); err != nil {
			return err
		}
	}
}
