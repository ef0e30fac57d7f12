package api

import (
	"context"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/geo/geojson"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
)

const (
	// maxExactShape is the longest GeoJSON text of one fence that a phone is given, maxExactShapes that of all fences of
	// a zone, bytes. What is longer is known to the phone by its circle only.
	maxExactShape  = 4 << 10
	maxExactShapes = 32 << 10
	// pointBytes is the least that a vertex takes in GeoJSON: longer shapes are not even written.
	pointBytes = 8
)

// SyncFences takes one ping and answers with the fences round it.
func (s *locationService) SyncFences(ctx context.Context, r *v1.SyncFencesRequest) (*v1.SyncFencesResponse, error) {
	c := callerOf(ctx)
	report := s.newReport(c.Device, &v1.ReportPingsRequest{
		AppState: r.GetAppState(), PresenceToken: r.GetPresenceToken(), SentTime: r.GetSentTime(), FenceSlots: r.GetFenceSlots(),
	})
	report.WantZone = true
	p := r.GetPing()
	f := checkReported(p, r.GetSentTime(), report.Received)
	if f.code != 0 {
		return &v1.SyncFencesResponse{Result: s.refused(p.GetId(), f), PresenceToken: r.GetPresenceToken(), ServerTime: s.now()}, nil
	}
	report.Pings = []engine.Ping{pingFrom(p, parseID(p.GetId()))}
	answer, err := s.handle(ctx, c, report)
	if err != nil {
		return nil, err
	}
	result := resultOf(p.GetId(), answer.Pings[0])
	results := []*v1.PingResult{result}
	placeTransitions(answer.Transitions, map[uuid.UUID]*v1.PingResult{answer.Pings[0].ID: result}, results)
	told := s.reportTo(ctx, c, &v1.ReportPingsRequest{AppState: r.GetAppState()}, answer, results)
	return &v1.SyncFencesResponse{
		Result: result, SafeZone: told.GetSafeZone(), InAppMessage: told.GetInAppMessage(), NextReportAfter: told.GetNextReportAfter(),
		PresenceToken: told.GetPresenceToken(), ServerTime: told.GetServerTime(),
	}, nil
}

// zoneTo is a zone for the phone; nil: none.
func zoneTo(z *engine.ZoneAnswer) *v1.SafeZone {
	if z == nil {
		return nil
	}
	out := &v1.SafeZone{
		Latitude: z.Center.Lat, Longitude: z.Center.Lng, QuietRadiusMeters: z.QuietRadius, KnowledgeRadiusMeters: z.KnowledgeRadius,
		ExpireTime: stamp(z.ValidUntil), Version: z.Version, Fences: make([]*v1.SyncedFence, len(z.Fences)),
	}
	left := maxExactShapes
	for i := range z.Fences {
		out.Fences[i] = syncedTo(&z.Fences[i], min(left, maxExactShape))
		left -= len(out.Fences[i].GetGeojson())
	}
	return out
}

// syncedTo is one fence, with the exact shape of an area where that takes no more than so many bytes.
func syncedTo(z *engine.ZoneFence, most int) *v1.SyncedFence {
	f := z.Fence
	out := &v1.SyncedFence{
		FenceId: f.ID.String(), ExternalId: f.ExternalID, StoreId: formatID(f.StoreID), Purpose: keyOf(purposes, f.Purpose), Inside: z.Inside,
	}
	if z.Store != nil {
		out.StoreExternalId = z.Store.ExternalID
	}
	if f.Circle != nil {
		out.Latitude, out.Longitude, out.RadiusMeters = f.Circle.Center_.Lat, f.Circle.Center_.Lng, f.Circle.Radius
		return out
	}
	centre := f.Area.Center()
	out.Latitude, out.Longitude, out.RadiusMeters = centre.Lat, centre.Lng, f.Area.Reach()
	if f.Area.Vertices()*pointBytes > most {
		return out
	}
	if text, err := geojson.Write(f.Area); err == nil && len(text) <= most {
		out.Geojson = string(text)
	}
	return out
}
