package api

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
)

// TestBadPingsCostOnlyThemselves sends one good ping among all kinds of bad ones.
func TestBadPingsCostOnlyThemselves(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.fence(tn.store("s1"))
	d := tn.device()
	changed := func(change func(p *v1.Ping)) *v1.Ping {
		p := pingAt(shopLat, shopLng, noon.Add(-time.Minute))
		change(p)
		return p
	}
	speed := math.Inf(1)
	good := changed(func(*v1.Ping) {})
	cases := []struct {
		ping    *v1.Ping
		refusal v1.PingRefusal_Code
		field   string
	}{
		{changed(func(p *v1.Ping) { p.Latitude = math.NaN() }), v1.PingRefusal_INVALID_PLACE, "latitude"},
		{changed(func(p *v1.Ping) { p.Longitude = math.Inf(-1) }), v1.PingRefusal_INVALID_PLACE, "longitude"},
		{changed(func(p *v1.Ping) { p.Latitude = 90.1 }), v1.PingRefusal_INVALID_PLACE, "latitude"},
		{changed(func(p *v1.Ping) { p.Longitude = -180.1 }), v1.PingRefusal_INVALID_PLACE, "longitude"},
		{changed(func(p *v1.Ping) { p.Latitude, p.Longitude = 0, 0 }), v1.PingRefusal_PLACE_MISSING, "latitude"},
		{changed(func(p *v1.Ping) { p.AccuracyMeters = -1 }), v1.PingRefusal_INVALID_ACCURACY, "accuracy_meters"},
		{changed(func(p *v1.Ping) { p.SpeedMps = &speed }), v1.PingRefusal_INVALID_SPEED, "speed_mps"},
		{changed(func(p *v1.Ping) { p.ObservedTime = nil }), v1.PingRefusal_INVALID_TIME, "observed_time"},
		{changed(func(p *v1.Ping) { p.ObservedTime = timestamppb.New(noon.Add(3 * time.Minute)) }), v1.PingRefusal_TIME_IN_FUTURE, "observed_time"},
		{changed(func(p *v1.Ping) { p.ObservedTime = timestamppb.New(noon.Add(-25 * time.Hour)) }), v1.PingRefusal_TOO_OLD, "observed_time"},
		{changed(func(p *v1.Ping) { p.Id = "" }), v1.PingRefusal_INVALID_FIELD, "id"},
		{changed(func(p *v1.Ping) { p.Id = "no uuid" }), v1.PingRefusal_INVALID_FIELD, "id"},
	}
	request := &v1.ReportPingsRequest{}
	for _, c := range cases {
		request.Pings = append(request.Pings, c.ping)
	}
	request.Pings = append(request.Pings, good, proto.Clone(good).(*v1.Ping))
	answer, err := v1.NewLocationServiceClient(f.conn).ReportPings(tn.phone(d.GetDeviceToken()), request)
	require.NoError(t, err)
	for i, c := range cases {
		r := answer.GetResults()[i]
		require.Equal(t, v1.PingResult_REFUSED, r.GetOutcome(), "%v", c.ping)
		require.Equal(t, c.refusal, r.GetRefusal(), "%v", c.ping)
		require.Equal(t, c.field, r.GetField(), "%v", c.ping)
	}
	taken, twice := answer.GetResults()[len(cases)], answer.GetResults()[len(cases)+1]
	require.Equal(t, v1.PingResult_TAKEN, taken.GetOutcome())
	require.Len(t, taken.GetTransitions(), 1)
	require.True(t, twice.GetDuplicate())
	require.Empty(t, twice.GetTransitions())

	request.Pings = nil
	for range 101 {
		request.Pings = append(request.Pings, changed(func(*v1.Ping) {}))
	}
	_, err = v1.NewLocationServiceClient(f.conn).ReportPings(tn.phone(d.GetDeviceToken()), request)
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_TOO_MANY)
	require.Equal(t, []string{"pings"}, fieldsOf(err))
}

func TestBadCampaignsAreRefusedWithTheirFields(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	for name, c := range map[string]struct {
		change func(c *v1.Campaign)
		reason v1.ErrorReason_Code
		field  string
	}{
		"unknown store": {func(c *v1.Campaign) { c.Trigger.StoreExternalIds = []string{"s1", "x"} },
			v1.ErrorReason_CAMPAIGN_STORE_UNKNOWN, "campaign.trigger.store_external_ids[1]"},
		"ends before it starts": {func(c *v1.Campaign) { c.Schedule = &v1.Schedule{StartDate: "2026-12-02", EndDate: "2026-12-01"} },
			v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.end_date"},
		"over": {func(c *v1.Campaign) { c.Schedule = &v1.Schedule{EndDate: "2025-12-01"} },
			v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.end_date"},
		"hours on no day": {func(c *v1.Campaign) {
			c.Schedule = &v1.Schedule{StartDate: "2026-12-01", EndDate: "2026-12-01", WeeklyHours: []*v1.WeeklyHours{
				{Days: []v1.WeeklyHours_Day{v1.WeeklyHours_SUNDAY}, Start: "10:00", End: "11:00"}}}
		}, v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.weekly_hours"},
		"unknown event type": {func(c *v1.Campaign) {
			c.Trigger = &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_DID}, EventTypes: []string{"x"}}
		}, v1.ErrorReason_CAMPAIGN_EVENT_TYPE_UNKNOWN, "campaign.trigger.event_types[0]"},
		"unknown item": {func(c *v1.Campaign) {
			c.Trigger = &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_VIEWED}, ItemExternalIds: []string{"x"}}
		}, v1.ErrorReason_CAMPAIGN_ITEM_UNKNOWN, "campaign.trigger.item_external_ids[0]"},
		"unknown segment": {func(c *v1.Campaign) { c.ExcludedSegmentExternalIds = []string{"x"} },
			v1.ErrorReason_CAMPAIGN_SEGMENT_UNKNOWN, "campaign.excluded_segment_external_ids[0]"},
		"unknown store set": {func(c *v1.Campaign) { c.Trigger.StoreSets = []string{"x"} },
			v1.ErrorReason_CAMPAIGN_STORE_SET_UNKNOWN, "campaign.trigger.store_sets[0]"},
		"unknown fence": {func(c *v1.Campaign) { c.Trigger.FenceExternalIds = []string{"x"} },
			v1.ErrorReason_CAMPAIGN_FENCE_UNKNOWN, "campaign.trigger.fence_external_ids[0]"},
		"no polygon": {func(c *v1.Campaign) { c.Trigger.InsideGeojson = `{"type":"Point","coordinates":[1,2]}` },
			v1.ErrorReason_SHAPE_INVALID, "campaign.trigger.inside_geojson"},
		"no such day": {func(c *v1.Campaign) {
			c.Schedule = &v1.Schedule{Exceptions: []*v1.ScheduleException{{Date: "2026-12-31"}, {Date: "2027-02-30"}}}
		}, v1.ErrorReason_INVALID_FIELD, "campaign.schedule.exceptions[1].date"},
		"the only day is an exception": {func(c *v1.Campaign) {
			c.Schedule = &v1.Schedule{StartDate: "2026-12-31", EndDate: "2026-12-31", Exceptions: []*v1.ScheduleException{{Date: "2026-12-31"}}}
		}, v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.exceptions[0]"},
		"no holiday is left": {func(c *v1.Campaign) {
			c.Schedule = &v1.Schedule{EndDate: "2026-12-24", Holidays: v1.Schedule_ONLY}
		}, v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.holidays"},
		"the end is before the start": {func(c *v1.Campaign) {
			c.Schedule = &v1.Schedule{StartTime: timestamppb.New(noon.Add(time.Hour)), EndTime: timestamppb.New(noon)}
		}, v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.end_time"},
		"its store has no hours": {func(c *v1.Campaign) { c.Schedule = &v1.Schedule{OnlyWhileOpen: true} },
			v1.ErrorReason_SCHEDULE_NEVER_OCCURS, "campaign.schedule.only_while_open"},
		"an attribute that nobody declared": {func(c *v1.Campaign) { c.Texts["ko"].Body = "{person.shoes|x}" }, v1.ErrorReason_TEXT_INVALID, "campaign.texts.ko.body"},
		"a link that a value leads":         {func(c *v1.Campaign) { c.DeepLink = "https://{store}/x" }, v1.ErrorReason_TEXT_INVALID, "campaign.deep_link"},
		"no reason for a notice": {func(c *v1.Campaign) {
			c.Offer, c.Category, c.Trigger, c.Texts["ko"] = nil, v1.Campaign_INFORMATIONAL, &v1.Trigger{Kinds: []v1.Moment_Kind{v1.Moment_BOUGHT}}, &v1.CampaignText{Body: "x"}
		}, v1.ErrorReason_INVALID_FIELD, "campaign.informational_reason"},
		"unknown variable": {func(c *v1.Campaign) { c.Texts["ko"].Body = "{shop}" }, v1.ErrorReason_TEXT_INVALID, "campaign.texts.ko.body"},
		"no text":          {func(c *v1.Campaign) { c.Texts = map[string]*v1.CampaignText{"en": {Body: "x"}} }, v1.ErrorReason_TEXT_LOCALE_MISSING, "campaign.texts"},
		"no notice":        {func(c *v1.Campaign) { c.Category = v1.Campaign_INFORMATIONAL }, v1.ErrorReason_CATEGORY_NOT_ALLOWED, "campaign.category"},
		"no kind":          {func(c *v1.Campaign) { c.Trigger.Kinds = nil }, v1.ErrorReason_INVALID_FIELD, "campaign.trigger.kinds"},
		"terms":            {func(c *v1.Campaign) { c.Offer.Terms = map[string]string{"ko": "x"} }, v1.ErrorReason_INVALID_FIELD, "campaign.offer.terms"},
	} {
		given := aCampaign("c1", "s1")
		c.change(given)
		_, err := v1.NewCampaignServiceClient(f.conn).CreateCampaign(tn.server(), &v1.CreateCampaignRequest{RequestId: uuid.NewString(), Campaign: given})
		require.Equal(t, c.reason.String(), reasonOf(err), "%s: %v", name, err)
		require.Contains(t, fieldsOf(err), c.field, "%s: %v", name, err)
	}
}

func TestRequestIDs(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	stores, id := v1.NewStoreServiceClient(f.conn), uuid.NewString()
	first, err := stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: id, Store: aStore("s1")})
	require.NoError(t, err)
	again, err := stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: id, Store: aStore("s1")})
	require.NoError(t, err)
	require.True(t, proto.Equal(first, again))
	_, err = stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: id, Store: aStore("s2")})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_REQUEST_ID_REUSED)
	_, err = stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: aStore("s1")})
	requireRefused(t, err, codes.AlreadyExists, v1.ErrorReason_EXTERNAL_ID_TAKEN)

	keys, key := v1.NewKeyServiceClient(f.conn), &v1.CreateKeyRequest{RequestId: id, Key: &v1.Key{Kind: v1.Key_APP, DisplayName: "app"}}
	made, err := keys.CreateKey(tn.server(), key)
	require.NoError(t, err)
	require.NotEmpty(t, made.GetSecret())
	repeated, err := keys.CreateKey(tn.server(), key)
	require.NoError(t, err)
	require.Equal(t, made.GetKey().GetId(), repeated.GetKey().GetId())
	require.Empty(t, repeated.GetSecret())

	devices := v1.NewDeviceServiceClient(f.conn)
	register := &v1.RegisterDeviceRequest{RequestId: id, Platform: v1.Device_IOS, SentTime: timestamppb.New(noon)}
	d, err := devices.RegisterDevice(tn.appOnly(), register)
	require.NoError(t, err)
	register.SentTime = timestamppb.New(noon.Add(time.Second))
	same, err := devices.RegisterDevice(tn.appOnly(), register)
	require.NoError(t, err)
	require.Equal(t, d.GetDevice().GetId(), same.GetDevice().GetId())
	_, err = devices.ListConsents(tn.phone(same.GetDeviceToken()), &v1.ListConsentsRequest{})
	require.NoError(t, err)
}

func TestUpdateWithMaskAndEtag(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop := tn.store("s1")
	stores := v1.NewStoreServiceClient(f.conn)
	update := func(etag string, mask ...string) (*v1.UpdateStoreResponse, error) {
		return stores.UpdateStore(tn.server(), &v1.UpdateStoreRequest{
			RequestId: uuid.NewString(), UpdateMask: &fieldmaskpb.FieldMask{Paths: mask},
			Store: &v1.Store{Id: shop.GetId(), Etag: etag, Phone: "02-1", Chain: "never taken"},
		})
	}
	changed, err := update(shop.GetEtag(), "phone")
	require.NoError(t, err)
	require.Equal(t, "02-1", changed.GetStore().GetPhone())
	require.Empty(t, changed.GetStore().GetChain())
	require.Equal(t, shop.GetNames(), changed.GetStore().GetNames())
	_, err = update(shop.GetEtag(), "phone")
	requireRefused(t, err, codes.Aborted, v1.ErrorReason_ETAG_MISMATCH)
	for _, path := range []string{"id", "nothing", "names.ko", "phone.x"} {
		_, err = update("", path)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_UPDATE_MASK_INVALID)
	}
}

func TestRateLimit(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.Device = Rate{PerSecond: 1, Burst: 2} })
	tn := f.tenant()
	d := tn.device() // one call of the phone's
	devices := v1.NewDeviceServiceClient(f.conn)
	_, err := devices.ListConsents(tn.phone(d.GetDeviceToken()), &v1.ListConsentsRequest{})
	require.NoError(t, err)
	_, err = devices.ListConsents(tn.phone(d.GetDeviceToken()), &v1.ListConsentsRequest{})
	requireRefused(t, err, codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED)
	f.clock.Set(noon.Add(time.Second).UnixMilli())
	_, err = devices.ListConsents(tn.phone(d.GetDeviceToken()), &v1.ListConsentsRequest{})
	require.NoError(t, err)
}
