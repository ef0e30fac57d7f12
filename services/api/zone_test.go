package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wantgo/wantgo/geo/presence"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
)

// TestSyncFences goes the way of a phone whose system watches fences for it.
func TestSyncFences(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	fence := tn.fence(tn.store("s1"))
	fences := v1.NewFenceServiceClient(f.conn)
	_, err := fences.CreateFence(tn.server(), &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: &v1.Fence{
		ExternalId: "block", Purpose: v1.Fence_OTHER,
		Shape: &v1.Fence_Geojson{Geojson: `{"type":"Polygon","coordinates":[[[127,37.6],[127.01,37.6],[127.01,37.61],[127,37.61],[127,37.6]]]}`},
	}})
	require.NoError(t, err)
	jagged := make([]string, 0, 1500) // more than a phone is given
	for i := range 750 {
		jagged = append(jagged, fmt.Sprintf("[%.6f,37.7]", 127+float64(i)/1e4), fmt.Sprintf("[%.6f,37.71]", 127.00005+float64(i)/1e4))
	}
	ring := strings.Join(append(jagged, "[127.09,37.72]", "[127,37.72]", jagged[0]), ",")
	_, err = fences.CreateFence(tn.server(), &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: &v1.Fence{
		ExternalId: "coast", Purpose: v1.Fence_OTHER, Shape: &v1.Fence_Geojson{Geojson: `{"type":"Polygon","coordinates":[[` + ring + `]]}`},
	}})
	require.NoError(t, err)
	d := tn.device()
	phone, locations := tn.phone(d.GetDeviceToken()), v1.NewLocationServiceClient(f.conn)

	synced, err := locations.SyncFences(phone, &v1.SyncFencesRequest{Ping: pingAt(shopLat, shopLng, noon), FenceSlots: 20})
	require.NoError(t, err)
	require.Equal(t, v1.PingResult_TAKEN, synced.GetResult().GetOutcome())
	require.Len(t, synced.GetResult().GetTransitions(), 1)
	require.NotEmpty(t, synced.GetPresenceToken())
	z := synced.GetSafeZone()
	require.Len(t, z.GetFences(), 3)
	require.Equal(t, fence.GetId(), z.GetFences()[0].GetFenceId())
	require.Equal(t, "s1/near", z.GetFences()[0].GetExternalId())
	require.Equal(t, "s1", z.GetFences()[0].GetStoreExternalId())
	require.True(t, z.GetFences()[0].GetInside())
	require.InDelta(t, 100, z.GetFences()[0].GetRadiusMeters(), 0)
	require.InDelta(t, 100*0.998-10, z.GetQuietRadiusMeters(), 0.1)
	require.Equal(t, "block", z.GetFences()[1].GetExternalId())
	require.Contains(t, z.GetFences()[1].GetGeojson(), "Polygon")
	require.InDelta(t, 709.6, z.GetFences()[1].GetRadiusMeters(), 0.5, "half the diagonal")
	require.Empty(t, z.GetFences()[2].GetGeojson(), "too long for a phone")
	require.Positive(t, z.GetFences()[2].GetRadiusMeters())
	t.Logf("zone of 3 fences: %d bytes", proto.Size(z))

	report := func(at time.Time, metres float64, version []byte) *v1.ReportPingsResponse {
		t.Helper()
		f.clock.Set(at.UnixMilli())
		r, err := locations.ReportPings(phone, &v1.ReportPingsRequest{
			Pings: []*v1.Ping{pingAt(shopLat+metres/111195, shopLng, at)}, FenceSlots: 20, ZoneVersion: version, PresenceToken: synced.GetPresenceToken(),
		})
		require.NoError(t, err)
		require.Equal(t, v1.PingResult_TAKEN, r.GetResults()[0].GetOutcome())
		return r
	}
	require.Nil(t, report(noon.Add(time.Minute), 30, z.GetVersion()).GetSafeZone(), "it still holds")
	left := report(noon.Add(2*time.Minute), 150, z.GetVersion())
	require.NotNil(t, left.GetSafeZone())
	require.False(t, left.GetSafeZone().GetFences()[0].GetInside())

	faulty := pingAt(shopLat, shopLng, noon)
	faulty.Latitude = 91
	for _, p := range []*v1.Ping{nil, faulty} {
		bad, err := locations.SyncFences(phone, &v1.SyncFencesRequest{Ping: p, FenceSlots: 20})
		require.NoError(t, err)
		require.Equal(t, v1.PingResult_REFUSED, bad.GetResult().GetOutcome())
		require.Nil(t, bad.GetSafeZone())
	}
	for _, slots := range []int32{0, -1, 101} {
		_, err := locations.SyncFences(phone, &v1.SyncFencesRequest{Ping: pingAt(shopLat, shopLng, noon), FenceSlots: slots})
		require.Equal(t, []string{"fence_slots"}, fieldsOf(err))
	}
	_, err = v1.NewDeviceServiceClient(f.conn).RecordConsents(phone, &v1.RecordConsentsRequest{RequestId: uuid.NewString(), Consents: []*v1.Consent{{
		Purpose: v1.Consent_LOC_USE, State: v1.Consent_WITHDRAWN, NoticeVersion: "1", NoticeHash: make([]byte, 32), Actor: v1.Consent_SELF,
		OccurredTime: consent(v1.Consent_LOC_USE).GetOccurredTime(),
	}}})
	require.NoError(t, err)
	refused, err := locations.SyncFences(phone, &v1.SyncFencesRequest{Ping: pingAt(shopLat, shopLng, noon.Add(2*time.Minute)), FenceSlots: 20})
	require.NoError(t, err)
	require.Equal(t, v1.PingResult_REFUSED, refused.GetResult().GetOutcome())
	require.Nil(t, refused.GetSafeZone())
	require.Empty(t, refused.GetPresenceToken())

	// Another brand's phone at the same place is told of no fence.
	other := f.tenant()
	theirs, err := locations.SyncFences(other.phone(other.device().GetDeviceToken()), &v1.SyncFencesRequest{Ping: pingAt(shopLat, shopLng, noon), FenceSlots: 20})
	require.NoError(t, err)
	require.NotNil(t, theirs.GetSafeZone())
	require.Empty(t, theirs.GetSafeZone().GetFences())
}

// TestZoneSizes says how large an answer is.
func TestZoneSizes(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	for i := range 100 {
		s := aStore(fmt.Sprintf("store-%03d", i))
		*s.Latitude += float64(i) / 200
		made, err := v1.NewStoreServiceClient(f.conn).CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: s})
		require.NoError(t, err)
		tn.fence(made.GetStore())
	}
	phone := tn.phone(tn.device().GetDeviceToken())
	sizes := map[int32]int{}
	for i, slots := range []int32{20, 100} {
		r, err := v1.NewLocationServiceClient(f.conn).SyncFences(phone, &v1.SyncFencesRequest{
			Ping: pingAt(shopLat+0.003, shopLng, noon.Add(time.Duration(i)*time.Second)), FenceSlots: slots,
		})
		require.NoError(t, err)
		require.Len(t, r.GetSafeZone().GetFences(), int(slots))
		sizes[slots] = proto.Size(r.GetSafeZone())
	}
	t.Logf("bytes of a zone by fences: %v", sizes)
	require.Less(t, sizes[100], 20_000)
}

func TestApproachRulesComeBackAsTheyWere(t *testing.T) {
	metres := 150.0
	s := &Server{}
	first, err := settingsFrom(&v1.BrandSettings{Presence: &v1.PresenceRules{ApproachDistanceMeters: &metres, ApproachTime: durationpb.New(time.Minute)}},
		&brand.Brand{Settings: brand.Default(brand.KR)}, CampaignSetting{})
	require.NoError(t, err)
	rules := first.Settings.Presence
	require.InDelta(t, metres, rules.ApproachDistance, 0)
	require.Equal(t, time.Minute, rules.ApproachTime)
	second, err := settingsFrom(s.settingsTo(first), first, CampaignSetting{})
	require.NoError(t, err)
	require.Equal(t, first, second)
	none, fs := 0.0, faults{}
	off := fenceRulesFrom(&v1.PresenceRules{Policy: v1.PresenceRules_EXACT}, rules, &fs)
	require.InDelta(t, metres, off.ApproachDistance, 0, "another policy keeps the brand's")
	off = fenceRulesFrom(&v1.PresenceRules{ApproachDistanceMeters: &none, ApproachTime: durationpb.New(0)}, rules, &fs)
	require.Zero(t, off.ApproachReach())
	require.Empty(t, fs)
	byDefault := presence.Defaults(presence.Standard)
	require.Zero(t, byDefault.ApproachReach())
}
