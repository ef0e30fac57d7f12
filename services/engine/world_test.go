package engine_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/geo/presence"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/postgres/postgrestest"
	"github.com/wantgo/wantgo/services/seal"
	"github.com/wantgo/wantgo/services/store"
)

// Tests wait for the disk more than they compute: more of them than there are processors run at once, unless -parallel
// says otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	postgrestest.Main(m)
}

// noon is a Wednesday, 12:00 in Seoul.
var noon = time.Date(2026, 5, 13, 3, 0, 0, 0, time.UTC)

// world is one brand on a database of its own, and the nodes that serve it.
type world struct {
	t      testing.TB
	ctx    context.Context
	url    string
	store  *postgres.Store
	keeper *seal.Keeper
	clock  *engine.VirtualClock
	brand  brand.Brand
	stores []store.Store
	fences []store.Fence
	logged *syncBuffer
}

// syncBuffer is a log's destination.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newWorld makes a Korean brand with its filing done, without caps and gap. change may say otherwise.
func newWorld(t testing.TB, policy presence.Policy, change func(*brand.Settings)) *world {
	t.Helper()
	keeper, err := seal.New(seal.NewRoot())
	require.NoError(t, err)
	w := &world{t: t, ctx: t.Context(), url: postgrestest.URL(t), keeper: keeper, clock: &engine.VirtualClock{}, logged: &syncBuffer{}}
	w.store = postgrestest.Open(t, w.url, postgres.Options{})
	w.at(noon)
	s := brand.Default(brand.KR)
	s.Filing = brand.Filing{Mode: brand.FilingRegistered, Number: "1", Date: noon.AddDate(-1, 0, 0)}
	s.SenderName, s.SenderContact = "카페온", "1588-0000"
	s.Caps, s.MinGap = nil, 0
	s.Presence, s.Device = presence.Defaults(policy), presence.DeviceDefaults(policy)
	if change != nil {
		change(&s)
	}
	w.brand = brand.Brand{ID: uuid.New(), Name: "카페온", Settings: s, CreatedAt: noon}
	require.NoError(t, w.store.CreateBrand(w.ctx, w.brand))
	return w
}

func (w *world) at(t time.Time)       { w.clock.Set(t.UnixMilli()) }
func (w *world) pass(d time.Duration) { w.at(w.clock.Now().Add(d)) }
func (w *world) config() engine.Config {
	log := slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return engine.Config{Storage: w.store, Requests: w.store.Requests(), Keeper: w.keeper, Clock: w.clock, Log: log, AllowUnsignedIdentity: true}
}

// node starts a process. change may replace parts of it.
func (w *world) node(change ...func(*engine.Config)) *engine.Engine {
	w.t.Helper()
	c := w.config()
	for _, f := range change {
		f(&c)
	}
	e, err := engine.New(w.ctx, c)
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = e.Close(ctx)
	})
	return e
}

// storePlace is where the i-th store stands: two kilometres apart, so that nothing overlaps by accident.
func storePlace(i int) geo.Point {
	return geo.Point{Lat: 37.40 + 0.02*float64(i%20), Lng: 126.80 + 0.025*float64(i/20)}
}

var nowhere = geo.Point{Lat: 37.0, Lng: 127.9}

// near is a place some metres north of another.
func near(p geo.Point, metres float64) geo.Point {
	p.Lat += metres / 111195
	return p
}

// open makes n stores with a round fence each.
func (w *world) open(n int, radius float64, rules *presence.Rules) {
	w.t.Helper()
	var cw engine.CatalogueWrite
	cw.BrandID, cw.Actor = w.brand.ID, "test"
	for range n {
		i := len(w.stores)
		circle, err := geo.NewCircle(storePlace(i), radius)
		require.NoError(w.t, err)
		s := store.Store{ID: uuid.New(), ExternalID: fmt.Sprintf("s-%d", i), Names: map[string]string{"": "On", "ko": "시청점"},
			Place: storePlace(i), TimeZone: "Asia/Seoul", Tags: []string{"cafe"}}
		f := store.Fence{ID: uuid.New(), ExternalID: fmt.Sprintf("f-%d", i), StoreID: s.ID, Purpose: store.Near, Circle: &circle, Rules: rules}
		w.stores, w.fences = append(w.stores, s), append(w.fences, f)
		cw.Stores, cw.Fences = append(cw.Stores, s), append(cw.Fences, f)
	}
	w.write(cw)
}

func (w *world) write(cw engine.CatalogueWrite) {
	w.t.Helper()
	cw.BrandID, cw.Actor = w.brand.ID, "test"
	_, err := w.store.Write(w.ctx, cw)
	require.NoError(w.t, err)
}

// latte is a campaign that greets whoever enters.
func latte(offer bool, change func(*campaign.Campaign)) campaign.Campaign {
	c := campaign.Campaign{
		ID: uuid.New(), ExternalID: "c-" + uuid.NewString(), Name: "Latte", State: campaign.Live, Category: campaign.Ad,
		Trigger: campaign.Trigger{Kinds: []campaign.Kind{campaign.Entered}, Purposes: []store.Purpose{store.Visit, store.Near}},
		Texts:   map[string]campaign.Text{"ko": {Title: "오늘만", Body: "{store}에서"}, "en": {Title: "Today", Body: "At {store}"}},
	}
	if offer {
		c.Offer = &campaign.Offer{ID: uuid.New(), Titles: map[string]string{"ko": "라떼 30%", "en": "30% off"}, Validity: 2 * time.Hour}
		c.Texts["ko"] = campaign.Text{Title: "오늘만 {offer}", Body: "{store}에서 {expires}까지. 코드 {coupon_code}"}
	}
	if change != nil {
		change(&c)
	}
	return c
}

func (w *world) run(c campaign.Campaign) campaign.Campaign {
	w.t.Helper()
	w.write(engine.CatalogueWrite{Campaigns: []campaign.Campaign{c}})
	return c
}

var allPurposes = []audience.Purpose{audience.AdPush, audience.LocUse}

func consents(at time.Time, granted bool, purposes ...audience.Purpose) (list []audience.ConsentEvent) {
	for _, p := range purposes {
		list = append(list, audience.ConsentEvent{ID: uuid.New(), Purpose: p, Granted: granted, OccurredAt: at, NoticeVersion: "1", Actor: audience.ActorSelf})
	}
	return list
}

func submissions(at time.Time, granted bool, purposes ...audience.Purpose) (list []audience.Submission) {
	for _, c := range consents(at, granted, purposes...) {
		list = append(list, audience.Submission{ConsentEvent: c})
	}
	return list
}

// phone is one device and what it would keep between calls.
type phone struct {
	w     *world
	id    uuid.UUID
	who   engine.PersonKey
	token []byte
}

// phones registers devices of one new person each, with consents and a push address.
func (w *world) phones(e *engine.Engine, n int) []*phone {
	w.t.Helper()
	news := make([]engine.NewDevice, n)
	for i := range news {
		news[i] = engine.NewDevice{BrandID: w.brand.ID,
			Device:   audience.Device{Platform: "android", Locale: "ko", TimeZone: "Asia/Seoul"},
			Profile:  audience.Profile{OfAge: true, Locale: "ko", TimeZone: "Asia/Seoul"},
			Consents: consents(noon.Add(-time.Hour), true, allPurposes...)}
	}
	made, err := e.RegisterAll(w.ctx, news)
	require.NoError(w.t, err)
	list := make([]*phone, n)
	for i, r := range made {
		list[i] = &phone{w: w, id: r.Device.ID, who: engine.PersonKey{BrandID: w.brand.ID, PersonID: r.Device.PersonID}}
		require.NoError(w.t, w.store.PutAddress(w.ctx, w.brand.ID, r.Device.ID, pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "t-" + r.Device.ID.String(), RegisteredAt: noon}))
	}
	return list
}

func (w *world) phone(e *engine.Engine) *phone { return w.phones(e, 1)[0] }

// more gives a phone's person n further devices.
func (p *phone) more(n int) []*phone {
	p.w.t.Helper()
	regs := make([]engine.Registration, n)
	for i := range regs {
		regs[i] = engine.Registration{Device: audience.Device{ID: uuid.New(), BrandID: p.who.BrandID, PersonID: p.who.PersonID, Platform: "ios", TokenSerial: 1}, MinWriter: 1}
	}
	_, _, err := p.w.store.Register(p.w.ctx, regs)
	require.NoError(p.w.t, err)
	list := make([]*phone, n)
	for i := range regs {
		id := regs[i].Device.ID
		require.NoError(p.w.t, p.w.store.PutAddress(p.w.ctx, p.who.BrandID, id, pusher.Address{Provider: pusher.FCM, Kind: "token", Value: "t-" + id.String(), RegisteredAt: noon}))
		list[i] = &phone{w: p.w, id: id, who: p.who}
	}
	return list
}

func ping(place geo.Point, at time.Time) engine.Ping {
	return engine.Ping{ID: uuid.New(), Place: place, Accuracy: 10, Speed: math.NaN(), At: at.UnixMilli()}
}

// report is what the phone would tell now, one ping for each place, ten seconds apart, the last one now.
func (p *phone) report(places ...geo.Point) engine.Report {
	now := p.w.clock.Now()
	r := engine.Report{DeviceID: p.id, Received: now, Token: p.token}
	for i, place := range places {
		r.Pings = append(r.Pings, ping(place, now.Add(-10*time.Second*time.Duration(len(places)-1-i))))
	}
	return r
}

// hand gives one report to a node and keeps the token of the answer.
func (p *phone) hand(e *engine.Engine, r engine.Report) engine.Answer {
	p.w.t.Helper()
	answers, err := e.Handle(p.w.ctx, p.w.brand.ID, []engine.Report{r})
	require.NoError(p.w.t, err)
	require.Len(p.w.t, answers, 1)
	if answers[0].Err == nil {
		p.token = answers[0].Token
	}
	return answers[0]
}

func (p *phone) tell(e *engine.Engine, places ...geo.Point) engine.Answer {
	p.w.t.Helper()
	a := p.hand(e, p.report(places...))
	require.NoError(p.w.t, a.Err)
	return a
}

// kinds puts transitions into words: "entered f-0".
func kinds(list []engine.TransitionAnswer) (words []string) {
	for _, t := range list {
		word := t.Kind.String() + " " + t.FenceExternalID
		if t.Reason != presence.Moved {
			word += " " + t.Reason.String()
		}
		words = append(words, word)
	}
	return words
}

func reasons(list []engine.DecisionAnswer) (codes []string) {
	for _, d := range list {
		codes = append(codes, d.Reason)
	}
	return codes
}

func verdicts(a engine.Answer) (list []engine.Verdict) {
	for _, p := range a.Pings {
		list = append(list, p.Verdict)
	}
	return list
}

// count asks the database a number.
func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	c := w.connect()
	defer c.Close(context.Background())
	require.NoError(w.t, c.QueryRow(w.ctx, sql, args...).Scan(&n))
	return n
}

func (w *world) connect() *pgx.Conn {
	w.t.Helper()
	c, err := pgx.Connect(w.ctx, w.url)
	require.NoError(w.t, err)
	return c
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	c := w.connect()
	defer c.Close(context.Background())
	_, err := c.Exec(w.ctx, sql, args...)
	require.NoError(w.t, err)
}

// dump is every row of every table as text, and bytes in hex, by table.
func (w *world) dump() map[string][]string {
	w.t.Helper()
	c := w.connect()
	defer c.Close(context.Background())
	rows, err := c.Query(w.ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'`)
	require.NoError(w.t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)
	all := map[string][]string{}
	for _, table := range tables {
		rows, err := c.Query(w.ctx, fmt.Sprintf(`SELECT t::text FROM %s t ORDER BY 1`, pgx.Identifier{table}.Sanitize()))
		require.NoError(w.t, err)
		all[table], err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
	}
	return all
}

// tablesWith names the tables in which any of some texts stands.
func (w *world) tablesWith(texts ...string) (tables []string) {
	w.t.Helper()
	for table, rows := range w.dump() {
		for _, row := range rows {
			for _, text := range texts {
				if strings.Contains(row, text) {
					tables = append(tables, table)
				}
			}
		}
	}
	return tables
}

// idTexts are the ways in which an id may stand in a row: as a uuid, and as bytes inside a state.
func idTexts(ids ...uuid.UUID) (texts []string) {
	for _, id := range ids {
		texts = append(texts, id.String(), hex.EncodeToString(id[:]))
	}
	return texts
}

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// faulty is the real storage, with calls that fail when told so: before, so that nothing happened, or after, as when a
// connection is lost with the answer.
type faulty struct {
	*postgres.Store
	before, after func(op string) error
}

func (f *faulty) around(op string, call func() error) error {
	if f.before != nil {
		if err := f.before(op); err != nil {
			return err
		}
	}
	err := call()
	if err == nil && f.after != nil {
		err = f.after(op)
	}
	return err
}

func (f *faulty) Commit(ctx context.Context, ws []engine.PersonWrite) (done []bool, err error) {
	err = f.around("commit", func() error { done, err = f.Store.Commit(ctx, ws); return err })
	if err != nil {
		done = nil
	}
	return done, err
}

func (f *faulty) Committed(ctx context.Context, ws []engine.PersonWrite) (done []bool, err error) {
	err = f.around("committed", func() error { done, err = f.Store.Committed(ctx, ws); return err })
	return done, err
}

func (f *faulty) PutDevice(ctx context.Context, d audience.Device) (now audience.Device, err error) {
	err = f.around("put device", func() error { now, err = f.Store.PutDevice(ctx, d); return err })
	return now, err
}

func (f *faulty) MoveCoupons(ctx context.Context, from engine.PersonKey, to uuid.UUID) error {
	return f.around("move coupons", func() error { return f.Store.MoveCoupons(ctx, from, to) })
}

func (f *faulty) ClaimExternalID(ctx context.Context, brandID uuid.UUID, external string, person uuid.UUID) (holder uuid.UUID, err error) {
	err = f.around("claim", func() error { holder, err = f.Store.ClaimExternalID(ctx, brandID, external, person); return err })
	return holder, err
}

func (f *faulty) NewPerson(ctx context.Context, key engine.PersonKey, p audience.Profile, state []byte, writer int32) error {
	return f.around("new person", func() error { return f.Store.NewPerson(ctx, key, p, state, writer) })
}

func (f *faulty) Erase(ctx context.Context, key engine.PersonKey, receipt uuid.UUID, at time.Time) error {
	return f.around("erase", func() error { return f.Store.Erase(ctx, key, receipt, at) })
}

func (f *faulty) Load(ctx context.Context, keys []engine.PersonKey) (rows []engine.PersonRow, err error) {
	err = f.around("load", func() error { rows, err = f.Store.Load(ctx, keys); return err })
	return rows, err
}

// with puts a faulty storage under a node.
func with(f *faulty) func(*engine.Config) { return func(c *engine.Config) { c.Storage = f } }

// restored is the storage after a restore: its history has another name.
type restored struct{ *postgres.Store }

func (r restored) Epoch(ctx context.Context) (string, error) {
	epoch, err := r.Store.Epoch(ctx)
	return epoch + "-restored", err
}

var phoneProfile = audience.Profile{OfAge: true, Locale: "ko", TimeZone: "Asia/Seoul"}

type storeFence = store.Fence
