package api

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wantgo/wantgo/geo"
	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/seal"
	"github.com/wantgo/wantgo/services/store"
)

func (tn *tenant) put(change func(*v1.Store), externalID string, north float64) *v1.Store {
	tn.f.t.Helper()
	s := aStore(externalID)
	*s.Latitude += north
	change(s)
	r, err := v1.NewStoreServiceClient(tn.f.conn).CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: s})
	require.NoError(tn.f.t, err)
	return r.GetStore()
}

func here() *v1.SearchStoresRequest {
	return &v1.SearchStoresRequest{Latitude: proto.Float64(shopLat), Longitude: proto.Float64(shopLng)}
}

func foundIDs(r *v1.SearchStoresResponse) (ids []string) {
	for _, s := range r.GetStores() {
		ids = append(ids, s.GetExternalId())
	}
	return ids
}

// noon is Sunday 2026-11-22, 12:00 in Seoul.
func TestSearchStores(t *testing.T) {
	f := newFixture(t)
	tn, other := f.tenant(), f.tenant()
	day := []*v1.WeeklyHours{{Start: "09:00", End: "22:00"}}
	near := tn.put(func(s *v1.Store) {
		s.Names["en"], s.Hours, s.Tags, s.Chain = "City Hall", day, []string{"cafe"}, "모락별"
	}, "near", 0.001)
	tn.put(func(s *v1.Store) {
		s.Names["ko"], s.Hours = "강남역점", []*v1.WeeklyHours{{Start: "18:00", End: "02:00"}}
		s.HoursExceptions = []*v1.HoursException{{Date: "2026-11-23", Spans: []*v1.HoursException_Span{{Start: "10:00", End: "12:00"}}}}
	}, "evening", 0.002)
	tn.put(func(s *v1.Store) {
		s.Hours, s.HoursExceptions = day, []*v1.HoursException{{Date: "2026-11-22"}}
	}, "holiday", 0.003)
	tn.put(func(s *v1.Store) { s.Tags = []string{"cafe", "park"} }, "unknown", -0.004)
	tn.put(func(s *v1.Store) { s.State = v1.Store_INACTIVE }, "inactive", 0)
	other.store("theirs")
	tn.campaign("c1", "near")
	stores := v1.NewStoreServiceClient(f.conn)
	search := func(change func(*v1.SearchStoresRequest)) *v1.SearchStoresResponse {
		t.Helper()
		r := here()
		change(r)
		answer, err := stores.SearchStores(tn.appOnly(), r)
		require.NoError(t, err)
		return answer
	}
	all := search(func(*v1.SearchStoresRequest) {})
	require.Equal(t, []string{"near", "evening", "holiday", "unknown"}, foundIDs(all))
	first := all.GetStores()[0]
	require.Equal(t, near.GetId(), first.GetId())
	require.Equal(t, "시청점", first.GetName())
	require.InDelta(t, 111.19, first.GetDistanceMeters(), 0.01)
	require.InDelta(t, 0, first.GetBearingDegrees(), 1e-6)
	require.InDelta(t, 180, all.GetStores()[3].GetBearingDegrees(), 1e-6)
	require.Equal(t, v1.FoundStore_OPEN, first.GetOpenState())
	require.Equal(t, noon.Add(10*time.Hour), first.GetNextChangeTime().AsTime())
	require.True(t, first.GetHasOffer())
	require.Nil(t, first.GetStore())
	require.False(t, all.GetStores()[1].GetHasOffer())
	require.Equal(t, v1.FoundStore_CLOSED, all.GetStores()[2].GetOpenState())
	require.Equal(t, noon.Add(21*time.Hour), all.GetStores()[2].GetNextChangeTime().AsTime())
	require.Equal(t, v1.FoundStore_OPEN_STATE_UNSPECIFIED, all.GetStores()[3].GetOpenState())
	require.Nil(t, all.GetStores()[3].GetNextChangeTime())

	full := search(func(r *v1.SearchStoresRequest) {
		r.View, r.Locale, r.PageSize = v1.SearchStoresRequest_FULL, "en-GB", 1
	})
	require.Equal(t, "City Hall", full.GetStores()[0].GetName())
	require.True(t, proto.Equal(near, full.GetStores()[0].GetStore()))

	for name, c := range map[string]struct {
		change func(*v1.SearchStoresRequest)
		want   []string
	}{
		"open now":        {func(r *v1.SearchStoresRequest) { r.Open = &v1.SearchStoresRequest_OpenNow{OpenNow: true} }, []string{"near"}},
		"not asked after": {func(r *v1.SearchStoresRequest) { r.Open = &v1.SearchStoresRequest_OpenNow{} }, foundIDs(all)},
		"open at night": {func(r *v1.SearchStoresRequest) {
			r.Open = &v1.SearchStoresRequest_OpenAtTime{OpenAtTime: timestamppb.New(noon.Add(13 * time.Hour))}
		}, []string{"evening"}},
		"open at a local time": {func(r *v1.SearchStoresRequest) {
			r.Open = &v1.SearchStoresRequest_OpenAtLocalTime{OpenAtLocalTime: "2026-11-23T11:00"}
		}, []string{"near", "evening", "holiday"}},
		"tag":                {func(r *v1.SearchStoresRequest) { r.Tags = []string{"cafe"} }, []string{"near", "unknown"}},
		"both tags":          {func(r *v1.SearchStoresRequest) { r.Tags = []string{"cafe", "park"} }, []string{"unknown"}},
		"chain":              {func(r *v1.SearchStoresRequest) { r.Chain = "모락별" }, []string{"near"}},
		"radius":             {func(r *v1.SearchStoresRequest) { r.RadiusMeters = 250 }, []string{"near", "evening"}},
		"offer":              {func(r *v1.SearchStoresRequest) { r.WithOffer = true }, []string{"near"}},
		"a word in English":  {func(r *v1.SearchStoresRequest) { r.Text = "HALL" }, []string{"near"}},
		"a syllable on hold": {func(r *v1.SearchStoresRequest) { r.Text = "강나" }, []string{"evening"}},
		"nothing":            {func(r *v1.SearchStoresRequest) { r.Text, r.Tags = "hall", []string{"park"} }, nil},
	} {
		require.Equal(t, c.want, foundIDs(search(c.change)), name)
	}

	// A page at a time, and always about the time of the first: the shop that closes meanwhile is still as it was.
	var paged []string
	request := here()
	request.PageSize = 1
	for {
		answer, err := stores.SearchStores(tn.appOnly(), request)
		require.NoError(t, err)
		for _, s := range answer.GetStores() {
			require.Equal(t, s.GetExternalId() == "near", s.GetOpenState() == v1.FoundStore_OPEN)
		}
		paged = append(paged, foundIDs(answer)...)
		if request.PageToken = answer.GetNextPageToken(); request.PageToken == "" {
			break
		}
		f.clock.Set(f.clock.Now().Add(11 * time.Hour).UnixMilli())
	}
	require.Equal(t, foundIDs(all), paged)
}

// Whoever asks gets the same answer, unless for offers: a device token is not read, even one that means nothing, and
// nothing is on record.
func TestSearchStoresIsNobodys(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	first := tn.store("s1")
	tn.put(func(*v1.Store) {}, "s2", 0.001)
	stores := v1.NewStoreServiceClient(f.conn)
	d := tn.device()
	for _, ctx := range []context.Context{tn.appOnly(), tn.phone(d.GetDeviceToken()), tn.phone("garbled"), tn.server()} {
		answer, err := stores.SearchStores(ctx, here())
		require.NoError(t, err)
		require.Equal(t, []string{"s1", "s2"}, foundIDs(answer))
		require.Zero(t, answer.GetOffersFor())
		require.Zero(t, answer.GetRefusal())
	}
	require.Empty(t, tn.uses(d))
	made, err := v1.NewKeyServiceClient(f.conn).CreateKey(tn.server(), &v1.CreateKeyRequest{RequestId: uuid.NewString(), Key: &v1.Key{
		Kind: v1.Key_API, DisplayName: "till", Scopes: []string{"stores:read"}, StoreIds: []string{first.GetId()},
	}})
	require.NoError(t, err)
	answer, err := stores.SearchStores(bearing(t.Context(), made.GetSecret()), here())
	require.NoError(t, err)
	require.Equal(t, []string{"s1"}, foundIDs(answer), "a key limited to a store")
	answer, err = stores.SearchStores(f.tenant().appOnly(), here())
	require.NoError(t, err)
	require.Empty(t, answer.GetStores(), "another brand's")
}

func TestSearchStoresRefuses(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.store("s1")
	tn.put(func(*v1.Store) {}, "s2", 0.001)
	stores := v1.NewStoreServiceClient(f.conn)
	request := here()
	request.PageSize = 1
	page, err := stores.SearchStores(tn.appOnly(), request)
	require.NoError(t, err)
	for field, change := range map[string]func(*v1.SearchStoresRequest){
		"latitude":      func(r *v1.SearchStoresRequest) { r.Latitude = nil },
		"longitude":     func(r *v1.SearchStoresRequest) { *r.Longitude = 180.1 },
		"radius_meters": func(r *v1.SearchStoresRequest) { r.RadiusMeters = -1 },
		"text":          func(r *v1.SearchStoresRequest) { r.Text = " - " },
		"open_at_local_time": func(r *v1.SearchStoresRequest) {
			r.Open = &v1.SearchStoresRequest_OpenAtLocalTime{OpenAtLocalTime: "2026-02-30T10:00"}
		},
		"open_at_time": func(r *v1.SearchStoresRequest) {
			r.Open = &v1.SearchStoresRequest_OpenAtTime{OpenAtTime: &timestamppb.Timestamp{Nanos: -1}}
		},
		"page_size": func(r *v1.SearchStoresRequest) { r.PageSize = -1 },
	} {
		r := here()
		change(r)
		_, err := stores.SearchStores(tn.appOnly(), r)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
		require.Equal(t, []string{field}, fieldsOf(err))
	}
	for what, change := range map[string]func(*v1.SearchStoresRequest){
		"another place": func(r *v1.SearchStoresRequest) { *r.Latitude += 1 },
		"another query": func(r *v1.SearchStoresRequest) { r.Tags = []string{"x"} },
		"garbled":       func(r *v1.SearchStoresRequest) { r.PageToken = "AA" + r.GetPageToken() },
		"short":         func(r *v1.SearchStoresRequest) { r.PageToken = pageToken(searchOf(r), "short") },
		"no distance": func(r *v1.SearchStoresRequest) {
			r.PageToken = pageToken(searchOf(r), string(make([]byte, 8))+"\xff\xff\xff\xff\xff\xff\xff\xff"+string(make([]byte, 16)))
		},
	} {
		r := here()
		r.PageToken = page.GetNextPageToken()
		change(r)
		_, err := stores.SearchStores(tn.appOnly(), r)
		requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_PAGE_TOKEN_INVALID)
		require.NotEmpty(t, what)
	}
	s := aStore("s3")
	s.HoursExceptions = []*v1.HoursException{{Date: "2026-02-30"}}
	_, err = stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: s})
	requireRefused(t, err, codes.InvalidArgument, v1.ErrorReason_INVALID_FIELD)
	require.Equal(t, []string{"store.hours_exceptions[0].date"}, fieldsOf(err))
	s.HoursExceptions = []*v1.HoursException{{Date: "2026-02-28"}, {Date: "2026-02-28"}}
	_, err = stores.CreateStore(tn.server(), &v1.CreateStoreRequest{RequestId: uuid.NewString(), Store: s})
	require.Equal(t, []string{"store.hours_exceptions[1].date"}, fieldsOf(err))
}

// The wire form of an answer is the one that messages would have had.
func TestFoundStoresOnTheWire(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	tn.put(func(s *v1.Store) {
		s.Names["en"], s.Hours = "City Hall", []*v1.WeeklyHours{{Start: "09:00", End: "22:00"}}
	}, "near", 0.001)
	tn.put(func(s *v1.Store) { *s.Latitude, *s.Longitude = shopLat, shopLng }, "here", 0) // no distance, no bearing
	tn.put(func(s *v1.Store) {
		s.Hours, s.HoursExceptions = []*v1.WeeklyHours{{Start: "09:00", End: "22:00"}}, []*v1.HoursException{{Date: "2026-11-22"}}
	}, "holiday", 0.003)
	tn.put(func(s *v1.Store) { *s.Latitude, *s.Longitude = 0, 0.5 }, "equator", 0)
	tn.campaign("c1", "near")
	found, _, err := f.engine.SearchStores(tn.id, &engine.StoreQuery{
		From: geo.Point{Lat: shopLat, Lng: shopLng}, At: noon, Limit: 10,
	}, nil)
	require.NoError(t, err)
	require.Len(t, found, 4)
	found[3].Hours = engine.StoreHours{Known: true, HasNext: true, Next: store.Edge{At: time.Unix(-3, 7)}}
	found[3].Place.Lat = math.Copysign(0, -1)
	b := brand.Default(brand.KR)
	for _, view := range []v1.SearchStoresRequest_View{v1.SearchStoresRequest_BASIC, v1.SearchStoresRequest_FULL} {
		r := &v1.SearchStoresRequest{Locale: "en", View: view}
		answer, err := foundTo(found, r, &b)
		require.NoError(t, err)
		answer.NextPageToken = "next"
		wire, err := proto.Marshal(answer)
		require.NoError(t, err)
		read := &v1.SearchStoresResponse{}
		require.NoError(t, proto.Unmarshal(wire, read))
		want := &v1.SearchStoresResponse{NextPageToken: "next"}
		for i := range found {
			want.Stores = append(want.Stores, foundMessage(&found[i], r, &b))
		}
		require.True(t, proto.Equal(want, read), "%v\n%v", want, read)
		require.Empty(t, read.ProtoReflect().GetUnknown())
	}
}

func foundMessage(f *engine.FoundStore, r *v1.SearchStoresRequest, b *brand.Settings) *v1.FoundStore {
	o := &v1.FoundStore{
		Id: f.ID(), ExternalId: f.ExternalID(), Name: f.Name(r.GetLocale(), b.Locale), Latitude: f.Place.Lat, Longitude: f.Place.Lng,
		DistanceMeters: f.Distance, BearingDegrees: f.Bearing, OpenState: openState(f.Hours), HasOffer: f.HasOffer,
	}
	if f.Hours.HasNext {
		o.NextChangeTime = timestamppb.New(f.Hours.Next.At)
	}
	if r.GetView() == v1.SearchStoresRequest_FULL {
		o.Store = storeTo(f.Store(), b)
	}
	return o
}

// What the check by hand lets through the contract's own checker lets through, and it does so with plain searches.
func TestSearchKeepsContract(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	validator, err := protovalidate.New()
	require.NoError(t, err)
	numbers := []float64{0, math.Copysign(0, -1), 90, -90, 180, -180, 90.0001, -90.0001, 180.0001, -180.0001, 1e300, math.NaN(), math.Inf(1), math.Inf(-1)}
	number := func() float64 {
		if r.IntN(3) > 0 {
			return r.Float64()*180 - 90
		}
		return numbers[r.IntN(len(numbers))]
	}
	text := func(most int) string {
		return strings.Repeat([]string{"a", "가"}[r.IntN(2)], []int{0, 0, 1, most / 3, most, most + 1}[r.IntN(6)])
	}
	through, refused := 0, 0
	for range 20_000 {
		q := &v1.SearchStoresRequest{Latitude: proto.Float64(number()), Longitude: proto.Float64(number())}
		for range r.IntN(3) { // few faults at once, so that each is alone at times
			switch r.IntN(11) {
			case 0:
				q.Latitude = nil
			case 1:
				q.Longitude = nil
			case 2:
				q.RadiusMeters = number()
			case 3:
				q.Text = text(100)
			case 4:
				for range []int{1, 50, 51}[r.IntN(3)] {
					q.Tags = append(q.Tags, text(64)+"x"[r.IntN(2):])
				}
			case 5:
				q.Chain = text(100)
			case 6:
				q.Open = &v1.SearchStoresRequest_OpenAtLocalTime{OpenAtLocalTime: []string{"2026-11-22T12:00", "now"}[r.IntN(2)]}
			case 7:
				q.PageSize = r.Int32N(5) - 2
			case 8:
				q.PageToken = text(1024)
			case 9:
				q.Locale = text(35)
			case 10:
				q.View = v1.SearchStoresRequest_View(r.Int32N(6) - 2)
			}
		}
		if err := validator.Validate(q); keepsContract(q) {
			through++
			require.NoError(t, err, "%v", q)
		} else if err != nil {
			refused++
		}
	}
	require.Greater(t, through, 2000)
	require.Greater(t, refused, 2000)
	for _, q := range []*v1.SearchStoresRequest{here(), {
		Latitude: proto.Float64(-90), Longitude: proto.Float64(180), RadiusMeters: 500, Text: "강남역", Tags: []string{"cafe"}, Chain: "모락별",
		Open: &v1.SearchStoresRequest_OpenNow{OpenNow: true}, WithOffer: true, PageSize: 20, Locale: "ko-KR", View: v1.SearchStoresRequest_FULL,
	}} {
		require.True(t, keepsContract(q), "%v", q)
	}
}

// Searches have a rate of their own: they do not keep phones from registering.
func TestSearchesDoNotStopRegistration(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.Search = Rate{PerSecond: 1, Burst: 2} })
	tn := f.tenant()
	stores := v1.NewStoreServiceClient(f.conn)
	for range 2 {
		_, err := stores.SearchStores(tn.appOnly(), here())
		require.NoError(t, err)
	}
	_, err := stores.SearchStores(tn.appOnly(), here())
	requireRefused(t, err, codes.ResourceExhausted, v1.ErrorReason_RATE_LIMITED)
	tn.device()
}

// BenchmarkSearchStoresOverGRPC compares, in one run, the ten nearest of 100,000 stores with calls that do nothing: one
// through the same interceptors, and the health check without any. Eight clients, each one call at a time.
func BenchmarkSearchStoresOverGRPC(b *testing.B) {
	clock := &engine.VirtualClock{}
	clock.Set(noon.UnixMilli())
	storage := postgrestest.New(b)
	keeper, err := seal.New(seal.NewRoot())
	require.NoError(b, err)
	e, err := engine.New(b.Context(), engine.Config{Storage: storage, Requests: storage.Requests(), Keeper: keeper, Clock: clock})
	require.NoError(b, err)
	b.Cleanup(func() { _ = e.Close(context.Background()) })
	free := Rate{PerSecond: -1}
	server, err := New(Config{Engine: e, Limits: Limits{Device: free, Key: free, App: free, Search: free}})
	require.NoError(b, err)
	server.SetReady(true)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go func() { _ = server.GRPC().Serve(listener) }()
	b.Cleanup(server.GRPC().Stop)
	full, empty := benchBrand(b, e, 100_000), benchBrand(b, e, 0)
	place := func(r *rand.Rand) *v1.SearchStoresRequest {
		return &v1.SearchStoresRequest{Latitude: proto.Float64(37.43 + 0.27*r.Float64()), Longitude: proto.Float64(126.80 + 0.38*r.Float64())}
	}
	kinds := []struct {
		name string
		call func(context.Context, *grpc.ClientConn, *rand.Rand) error
		took time.Duration
	}{
		{name: "search", call: func(ctx context.Context, conn *grpc.ClientConn, r *rand.Rand) error {
			answer, err := v1.NewStoreServiceClient(conn).SearchStores(metadata.AppendToOutgoingContext(ctx, appKeyHeader, full), place(r))
			if err == nil && len(answer.GetStores()) != 10 {
				return fmt.Errorf("%d stores", len(answer.GetStores()))
			}
			return err
		}},
		{name: "empty", call: func(ctx context.Context, conn *grpc.ClientConn, r *rand.Rand) error {
			_, err := v1.NewStoreServiceClient(conn).SearchStores(metadata.AppendToOutgoingContext(ctx, appKeyHeader, empty), place(r))
			return err
		}},
		{name: "health", call: func(ctx context.Context, conn *grpc.ClientConn, _ *rand.Rand) error {
			_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
			return err
		}},
	}
	var conns [8]*grpc.ClientConn
	for i := range conns {
		conns[i], err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(b, err)
		b.Cleanup(func() { _ = conns[i].Close() })
	}
	const calls = 25 // of each client, before the next kind has its turn: a busy machine is equally busy for all
	seed, turns := uint64(0), 0
	for b.Loop() {
		turns++
		for k := range kinds {
			var clients sync.WaitGroup
			began := time.Now()
			for _, conn := range conns {
				seed++
				r := rand.New(rand.NewPCG(seed, 1))
				clients.Go(func() {
					for range calls {
						if err := kinds[k].call(b.Context(), conn, r); err != nil {
							b.Error(err)
						}
					}
				})
			}
			clients.Wait()
			kinds[k].took += time.Since(began)
		}
	}
	rate := func(k int) float64 { return float64(turns*calls*len(conns)) / kinds[k].took.Seconds() }
	for k := range kinds {
		b.ReportMetric(rate(k), kinds[k].name+"/s")
	}
	b.ReportMetric(rate(0)/rate(1), "of-empty")
	b.ReportMetric(rate(0)/rate(2), "of-health")
}

// benchBrand makes a brand with stores in Seoul and returns its app key.
func benchBrand(b *testing.B, e *engine.Engine, count int) string {
	b.Helper()
	own := brand.Brand{ID: uuid.New(), Name: "Wantgo Coffee", Settings: brand.Default(brand.KR), CreatedAt: noon}
	app := brand.Key{ID: uuid.New(), BrandID: own.ID, Kind: brand.AppKey, Name: "app", CreatedAt: noon}
	secret := brand.NewSecret(app.Kind, app.ID)
	app.Hash = brand.HashSecret(secret)
	require.NoError(b, e.CreateBrand(b.Context(), own, []brand.Key{app}))
	r := rand.New(rand.NewPCG(1, 1))
	var list []store.Store
	for i := range count {
		s := store.Store{
			ID: uuid.New(), ExternalID: fmt.Sprint(i), TimeZone: "Asia/Seoul", Tags: []string{"cafe"}, Chain: "모락별",
			Names: map[string]string{"ko": fmt.Sprintf("매장 %d", i)}, Place: geo.Point{Lat: 37.43 + 0.27*r.Float64(), Lng: 126.80 + 0.38*r.Float64()},
		}
		for d := time.Sunday; d <= time.Saturday; d++ {
			s.Hours.Weekly = append(s.Hours.Weekly, store.Span{Day: d, From: 9 * 60, Until: 22 * 60})
		}
		if list = append(list, s); len(list) == 10_000 {
			_, err := e.Write(b.Context(), engine.CatalogueWrite{BrandID: own.ID, Actor: "bench", Stores: list})
			require.NoError(b, err)
			list = nil
		}
	}
	return secret
}
