package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
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
	taken := map[uuid.UUID]*v1.PingResult{}
	var places []int
	for i, p := range r.GetPings() {
		if f := checkReported(p, r.GetSentTime(), report.Received); f.code != 0 {
			results[i] = s.refused(p.GetId(), f)
			continue
		}
		report.Pings = append(report.Pings, pingFrom(p, parseID(p.GetId())))
		places = append(places, i)
	}
	answer, err := s.handle(ctx, c, report)
	if err != nil {
		return nil, err
	}
	for i, a := range answer.Pings {
		result := resultOf(r.GetPings()[places[i]].GetId(), a)
		results[places[i]] = result
		if taken[a.ID] == nil {
			taken[a.ID] = result
		}
	}
	s.place(c.Brand, answer.Transitions, taken, results)
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

// ImportPings takes pings of many devices from a trusted server, each device's as one report.
func (s *locationService) ImportPings(ctx context.Context, r *v1.ImportPingsRequest) (*v1.ImportPingsResponse, error) {
	c := callerOf(ctx)
	in := &pingImport{locationService: s, request: r, results: make([]*v1.PingResult, len(r.GetPings())), at: map[uuid.UUID]int{}}
	if err := in.collect(ctx, c); err != nil {
		return nil, err
	}
	if len(in.reports) > 0 {
		answers, err := s.engine.Handle(ctx, c.Brand, in.reports)
		if err != nil {
			return nil, err
		}
		for i := range answers {
			in.take(c, i, &answers[i])
		}
	}
	return &v1.ImportPingsResponse{Results: in.results, ServerTime: s.now()}, nil
}

// pingImport is one ImportPings on its way.
type pingImport struct {
	*locationService
	request *v1.ImportPingsRequest
	results []*v1.PingResult
	reports []engine.Report
	places  [][]int           // of each report's pings in the request
	at      map[uuid.UUID]int // device -> its report
}

// collect checks the pings and sorts them by device.
func (in *pingImport) collect(ctx context.Context, c *Caller) error {
	named, err := in.devices(ctx, c)
	if err != nil {
		return err
	}
	now := in.engine.Now()
	for i, p := range in.request.GetPings() {
		id := in.pingID(i)
		f := checkPing(p.GetPing())
		if f.code == 0 {
			f = checkAge(p.GetPing(), in.request.GetSentTime(), now)
		}
		device := parseID(p.GetDeviceId())
		if name := p.GetDeviceExternalId(); name != "" {
			device = named[name]
		}
		switch {
		case f.code != 0:
		case p.GetDevice() == nil:
			f = invalidPing("device", "missing")
		case device == uuid.Nil:
			f = pingFault{code: v1.PingRefusal_DEVICE_UNKNOWN, field: "device"}
		}
		if f.code != 0 {
			in.results[i] = in.refused(id.String(), f)
			continue
		}
		in.add(device, i, pingFrom(p.GetPing(), id))
	}
	for i := range in.reports {
		in.reports[i].Received = now
		in.reports[i] = withSent(in.reports[i], in.request.GetSentTime())
	}
	return nil
}

// devices resolves the brand's own ids of devices, all in one go.
func (in *pingImport) devices(ctx context.Context, c *Caller) (map[string]uuid.UUID, error) {
	names := map[string]struct{}{}
	var list []string
	for _, p := range in.request.GetPings() {
		name := p.GetDeviceExternalId()
		if _, known := names[name]; name != "" && !known && len(name) <= 4*128 {
			names[name] = struct{}{}
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	devices, err := in.engine.DevicesByExternalID(ctx, c.Brand, list)
	if err != nil {
		return nil, err
	}
	found := make(map[string]uuid.UUID, len(devices))
	for name, d := range devices {
		found[name] = d.ID
	}
	return found, nil
}

func (in *pingImport) add(device uuid.UUID, i int, p engine.Ping) {
	at, ok := in.at[device]
	if !ok {
		at = len(in.reports)
		in.at[device] = at
		in.reports = append(in.reports, engine.Report{DeviceID: device, Import: true})
		in.places = append(in.places, nil)
	}
	in.reports[at].Pings = append(in.reports[at].Pings, p)
	in.places[at] = append(in.places[at], i)
}

// pingID is a ping's own id, or one that a repeat of the request makes again.
func (in *pingImport) pingID(i int) uuid.UUID {
	if id := in.request.GetPings()[i].GetPing().GetId(); id != "" {
		return parseID(id)
	}
	request := parseID(in.request.GetRequestId())
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(request[:], uint32(i)))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = 0x80|id[6]&0x0f, 0x80|id[8]&0x3f // UUIDv8
	return id
}

// take puts one device's answer where its pings stand.
func (in *pingImport) take(c *Caller, i int, a *engine.Answer) {
	places := in.places[i]
	if a.Err != nil {
		f := pingFault{code: v1.PingRefusal_TRY_AGAIN}
		switch {
		case errors.Is(a.Err, engine.ErrNotFound):
			f = pingFault{code: v1.PingRefusal_DEVICE_UNKNOWN, field: "device"}
		case errors.Is(a.Err, engine.ErrGone):
			f = pingFault{code: v1.PingRefusal_PERSON_GONE}
		}
		for _, at := range places {
			in.results[at] = in.refused(in.pingID(at).String(), f)
		}
		return
	}
	byID, order := map[uuid.UUID]*v1.PingResult{}, make([]*v1.PingResult, 0, len(a.Pings))
	for j, p := range a.Pings {
		result := resultOf(p.ID.String(), p)
		in.results[places[j]] = result
		order = append(order, result)
		if byID[p.ID] == nil {
			byID[p.ID] = result
		}
	}
	in.place(c.Brand, a.Transitions, byID, order)
}
