package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/postgres"
	"github.com/wantgo/wantgo/services/webhook"
)

// receiver is a brand's own system, written from the specification with another's library.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	secrets []string
	status  int
	events  []*v1.WebhookEvent
	ids     []string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, status: http.StatusOK}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	content, err := io.ReadAll(req.Body)
	for _, secret := range r.secrets {
		verifier, fault := standardwebhooks.NewWebhook(secret)
		err = errors.Join(err, fault)
		if fault == nil {
			err = errors.Join(err, verifier.VerifyIgnoringTimestamp(content, req.Header))
		}
	}
	var event v1.WebhookEvent
	err = errors.Join(err, protojson.Unmarshal(content, &event)) // unknown fields are faults
	if err != nil {
		r.t.Errorf("%s: %v", content, err)
	}
	if r.status == http.StatusOK {
		r.events, r.ids = append(r.events, &event), append(r.ids, req.Header.Get("webhook-id"))
	}
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) types() (types []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		types = append(types, e.GetType())
	}
	return types
}

// tells gives the fixture's server a dispatcher that may reach the receivers.
func (f *fixture) tells(receivers ...*receiver) *webhook.Dispatcher {
	var private []string
	for _, r := range receivers {
		private = append(private, r.server.Listener.Addr().String())
	}
	f.server.webhooks = webhook.New(webhook.Config{Brands: f.engine, Storage: f.directory.(*postgres.Store).Letters(), Private: private})
	return f.server.webhooks
}

// settle makes everything due that is not held back until a day's end, and tells it.
func (f *fixture) settle(d *webhook.Dispatcher) {
	f.t.Helper()
	for range 30 { // as many rounds as a person has letters, and some
		f.sql(`UPDATE webhook_letter SET next_at = now() WHERE not_before IS NULL AND state = 'pending' AND lease_node IS NULL`)
		f.sql(`UPDATE webhook_state SET until = now()`) // nor is a failing endpoint left alone
		_, err := d.Round(f.t.Context())
		require.NoError(f.t, err)
		d.Wait()
	}
}

func (f *fixture) sql(text string) {
	f.t.Helper()
	c, err := pgx.Connect(f.t.Context(), f.url)
	require.NoError(f.t, err)
	defer c.Close(context.Background())
	_, err = c.Exec(f.t.Context(), text)
	require.NoError(f.t, err)
}

func (tn *tenant) webhook(r *receiver, change func(*v1.Webhook)) *v1.CreateWebhookResponse {
	tn.f.t.Helper()
	w := &v1.Webhook{Url: r.server.URL + "/hook", Recipient: v1.Webhook_OWN_SYSTEM, RecipientName: "CRM", Place: true,
		EventTypes: []string{"visit.entered", "visit.exited", "decision.made", "delivery.ended", "coupon.redeemed", "person.erased"}}
	if change != nil {
		change(w)
	}
	made, err := v1.NewWebhookServiceClient(tn.f.conn).CreateWebhook(tn.server(), &v1.CreateWebhookRequest{RequestId: uuid.NewString(), Webhook: w})
	require.NoError(tn.f.t, err)
	r.mu.Lock()
	r.secrets = []string{made.GetSecret()}
	r.mu.Unlock()
	return made
}

// TestWebhookIsTold goes the whole way: a visit, its decision and coupon, the redemption and the erasure arrive, signed, in
// their order and each once, while the endpoint fails in between.
func TestWebhookIsTold(t *testing.T) {
	f := newFixture(t)
	tn, r := f.tenant(), newReceiver(t)
	d := f.tells(r)
	shop := tn.store("s1")
	_, err := v1.NewFenceServiceClient(f.conn).CreateFence(tn.server(), &v1.CreateFenceRequest{RequestId: uuid.NewString(), Fence: &v1.Fence{
		ExternalId: "walls", Purpose: v1.Fence_VISIT, StoreId: shop.GetId(), Shape: &v1.Fence_Circle_{Circle: &v1.Fence_Circle{RadiusMeters: 50}},
		Rules: &v1.PresenceRules{Policy: v1.PresenceRules_EXACT}}})
	require.NoError(t, err)
	tn.campaign("c1", "s1")
	tn.webhook(r, nil)
	phone := tn.device()
	ctx := tn.phone(phone.GetDeviceToken())
	report := func(lat float64) *v1.ReportPingsResponse {
		a, err := v1.NewLocationServiceClient(f.conn).ReportPings(ctx, &v1.ReportPingsRequest{AppState: v1.Ping_FOREGROUND, Pings: []*v1.Ping{pingAt(lat, shopLng, f.clock.Now())}})
		require.NoError(t, err)
		return a
	}
	r.answer(http.StatusServiceUnavailable)
	coupon := report(shopLat).GetInAppMessage().GetCoupon()
	require.NotNil(t, coupon)
	_, err = d.Round(t.Context())
	require.NoError(t, err)
	d.Wait()
	require.Empty(t, r.types())
	r.answer(http.StatusOK)
	f.clock.Set(noon.Add(time.Minute).UnixMilli())
	_, err = v1.NewWalletServiceClient(f.conn).RedeemCoupon(ctx, &v1.RedeemCouponRequest{RequestId: uuid.NewString(),
		Coupon: &v1.RedeemCouponRequest_CouponId{CouponId: coupon.GetId()}, Store: &v1.RedeemCouponRequest_StoreId{StoreId: shop.GetId()}})
	require.NoError(t, err)
	report(shopLat + 0.01)
	f.settle(d)
	require.Subset(t, r.types(), []string{"visit.entered", "decision.made", "delivery.ended", "coupon.redeemed", "visit.exited"})
	order := []string{}
	for _, e := range r.events {
		if e.GetType() != "delivery.ended" { // its end is in no order with the others
			order = append(order, e.GetType())
		}
	}
	require.Equal(t, []string{"visit.entered", "decision.made", "coupon.redeemed", "visit.exited"}, order)
	require.Len(t, r.events, 5, "each once")
	entered := r.events[0].GetData()
	require.Equal(t, phone.GetPersonId(), entered.GetPersonId())
	require.Equal(t, "s1", entered.GetVisit().GetStoreExternalId())
	require.Equal(t, noon, r.events[0].GetTimestamp().AsTime())
	uses, err := v1.NewDeviceServiceClient(f.conn).ListLocationUses(ctx, &v1.ListLocationUsesRequest{})
	require.NoError(t, err)
	told := 0
	for _, u := range uses.GetLocationUses() {
		if u.GetRecipient() == "CRM" {
			told++
		}
	}
	require.Equal(t, 3, told, "two halves of a visit and a decision, one of them after a failure: %v", uses)

	_, err = v1.NewDeviceServiceClient(f.conn).DeleteMe(ctx, &v1.DeleteMeRequest{RequestId: uuid.NewString()})
	require.NoError(t, err)
	f.settle(d)
	last := r.events[len(r.events)-1]
	require.Equal(t, "person.erased", last.GetType())
	require.Equal(t, phone.GetPersonId(), last.GetData().GetPersonId())
	require.Len(t, r.events, 6)
}

func TestWebhookRPCs(t *testing.T) {
	f := newFixture(t)
	tn, other, r := f.tenant(), f.tenant(), newReceiver(t)
	d := f.tells(r)
	hooks, id := v1.NewWebhookServiceClient(f.conn), uuid.NewString
	for name, c := range map[string]struct {
		change func(*v1.Webhook)
		reason v1.ErrorReason_Code
	}{
		"clear text":           {func(w *v1.Webhook) { w.Url = "http://example.com/" }, v1.ErrorReason_WEBHOOK_INVALID},
		"no URL":               {func(w *v1.Webhook) { w.Url = "javascript:alert(1)" }, v1.ErrorReason_WEBHOOK_INVALID},
		"third party's place":  {func(w *v1.Webhook) { w.Recipient, w.EventTypes = v1.Webhook_THIRD_PARTY, []string{"coupon.redeemed"} }, v1.ErrorReason_WEBHOOK_INVALID},
		"third party's visits": {func(w *v1.Webhook) { w.Recipient, w.Place = v1.Webhook_THIRD_PARTY, false }, v1.ErrorReason_WEBHOOK_INVALID},
		"unknown type":         {func(w *v1.Webhook) { w.EventTypes = []string{"x"} }, v1.ErrorReason_INVALID_FIELD},
		"no recipient":         {func(w *v1.Webhook) { w.Recipient = 0 }, v1.ErrorReason_INVALID_FIELD},
	} {
		w := &v1.Webhook{Url: r.server.URL, Recipient: v1.Webhook_OWN_SYSTEM, RecipientName: "CRM", Place: true, EventTypes: []string{"visit.entered"}}
		c.change(w)
		_, err := hooks.CreateWebhook(tn.server(), &v1.CreateWebhookRequest{RequestId: id(), Webhook: w})
		require.Equal(t, codes.InvalidArgument, status.Code(err), name)
		require.Equal(t, c.reason.String(), reasonOf(err), "%s: %v", name, err)
	}
	made := tn.webhook(r, nil)
	require.True(t, strings.HasPrefix(made.GetSecret(), "whsec_"))
	hook := made.GetWebhook()
	for name, call := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := hooks.GetWebhook(ctx, &v1.GetWebhookRequest{Id: hook.GetId()})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := hooks.UpdateWebhook(ctx, &v1.UpdateWebhookRequest{RequestId: id(), Webhook: hook})
			return err
		},
		"delete": func(ctx context.Context) error {
			_, err := hooks.DeleteWebhook(ctx, &v1.DeleteWebhookRequest{RequestId: id(), Id: hook.GetId()})
			return err
		},
		"rotate": func(ctx context.Context) error {
			_, err := hooks.RotateWebhookSecret(ctx, &v1.RotateWebhookSecretRequest{RequestId: id(), Id: hook.GetId()})
			return err
		},
		"test": func(ctx context.Context) error {
			_, err := hooks.TestWebhook(ctx, &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()})
			return err
		},
		"dead": func(ctx context.Context) error {
			_, err := hooks.ListWebhookDeadLetters(ctx, &v1.ListWebhookDeadLettersRequest{Id: hook.GetId()})
			return err
		},
		"replay": func(ctx context.Context) error {
			_, err := hooks.ReplayWebhookDeadLetters(ctx, &v1.ReplayWebhookDeadLettersRequest{RequestId: id(), Id: hook.GetId()})
			return err
		},
	} {
		requireRefused(t, call(other.server()), codes.NotFound, v1.ErrorReason_WEBHOOK_NOT_FOUND)
		_ = name
	}
	list, err := hooks.ListWebhooks(other.server(), &v1.ListWebhooksRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetWebhooks())

	tested, err := hooks.TestWebhook(tn.server(), &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	require.True(t, tested.GetAccepted(), "%v", tested)
	require.Equal(t, []string{"webhook.test"}, r.types())

	// Between two secrets every request carries both signatures; then only the new one.
	rotated, err := hooks.RotateWebhookSecret(tn.server(), &v1.RotateWebhookSecretRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	require.NotEqual(t, made.GetSecret(), rotated.GetSecret())
	r.secrets = []string{made.GetSecret(), rotated.GetSecret()}
	_, err = hooks.TestWebhook(tn.server(), &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	f.clock.Set(noon.Add(25 * time.Hour).UnixMilli())
	r.secrets = []string{rotated.GetSecret()}
	_, err = hooks.TestWebhook(tn.server(), &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	f.clock.Set(noon.UnixMilli())

	// Without the operator's word a private address is reached by nobody.
	f.server.webhooks = webhook.New(webhook.Config{Brands: f.engine, Storage: f.directory.(*postgres.Store).Letters()})
	refused, err := hooks.TestWebhook(tn.server(), &v1.TestWebhookRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	require.Equal(t, "NOT_PUBLIC", refused.GetCode())
	f.server.webhooks = d
	phone := tn.device()
	r.answer(http.StatusServiceUnavailable)
	_, err = v1.NewDeviceServiceClient(f.conn).DeleteMe(tn.phone(phone.GetDeviceToken()), &v1.DeleteMeRequest{RequestId: id()})
	require.NoError(t, err)
	f.settle(d)
	f.clock.Set(noon.Add(2 * time.Minute).UnixMilli()) // a failing endpoint is left alone for a while
	f.sql(`UPDATE webhook_letter SET attempt = 50 WHERE state = 'pending'`)
	f.settle(d)
	dead, err := hooks.ListWebhookDeadLetters(tn.server(), &v1.ListWebhookDeadLettersRequest{Id: hook.GetId()})
	require.NoError(t, err)
	require.Len(t, dead.GetDeadLetters(), 1)
	require.Equal(t, "HTTP_503", dead.GetDeadLetters()[0].GetLastCode())
	shown, err := hooks.GetWebhook(tn.server(), &v1.GetWebhookRequest{Id: hook.GetId()})
	require.NoError(t, err)
	require.EqualValues(t, 1, shown.GetWebhook().GetDeadCount())
	r.answer(http.StatusOK)
	f.clock.Set(noon.Add(4 * time.Minute).UnixMilli())
	replayed, err := hooks.ReplayWebhookDeadLetters(tn.server(), &v1.ReplayWebhookDeadLettersRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	require.EqualValues(t, 1, replayed.GetReplayed())
	f.settle(d)
	require.Equal(t, "person.erased", r.events[len(r.events)-1].GetType())
	require.Equal(t, dead.GetDeadLetters()[0].GetId(), r.ids[len(r.ids)-1], "the id of the first attempt")

	stale := shown.GetWebhook()
	stale.DisplayName, stale.Etag = "x", "0"
	_, err = hooks.UpdateWebhook(tn.server(), &v1.UpdateWebhookRequest{RequestId: id(), Webhook: stale})
	requireRefused(t, err, codes.Aborted, v1.ErrorReason_ETAG_MISMATCH)
	stale.Etag, stale.State = "", v1.Webhook_PAUSED
	updated, err := hooks.UpdateWebhook(tn.server(), &v1.UpdateWebhookRequest{RequestId: id(), Webhook: stale})
	require.NoError(t, err)
	require.Equal(t, v1.Webhook_PAUSED, updated.GetWebhook().GetState())
	_, err = hooks.DeleteWebhook(tn.server(), &v1.DeleteWebhookRequest{RequestId: id(), Id: hook.GetId()})
	require.NoError(t, err)
	list, err = hooks.ListWebhooks(tn.server(), &v1.ListWebhooksRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetWebhooks())
}

// What the dispatcher writes is the contract's message, field by field.
func TestWebhookBodiesAreTheContracts(t *testing.T) {
	files, err := filepath.Glob("../webhook/testdata/*.json")
	require.NoError(t, err)
	require.Len(t, files, 23)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, protojson.Unmarshal(content, new(v1.WebhookEvent)), file)
	}
}

// The inbox shows what was shown, with its coupon while that lives; a receipt of a server's counts as a phone's.
func TestInbox(t *testing.T) {
	f := newFixture(t)
	tn := f.tenant()
	shop := tn.store("s1")
	tn.fence(shop)
	tn.campaign("c1", "s1")
	d, stranger := tn.device(), tn.device()
	ctx, inbox, devices := tn.phone(d.GetDeviceToken()), v1.NewInboxServiceClient(f.conn), v1.NewDeviceServiceClient(f.conn)
	a, err := v1.NewLocationServiceClient(f.conn).ReportPings(ctx, &v1.ReportPingsRequest{AppState: v1.Ping_FOREGROUND, Pings: []*v1.Ping{pingAt(shopLat, shopLng, noon)}})
	require.NoError(t, err)
	m := a.GetInAppMessage()
	require.NotNil(t, m)
	list, err := inbox.ListInboxEntries(ctx, &v1.ListInboxEntriesRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetEntries())
	receipt := func(ctx context.Context, kind v1.Receipt_Kind) int32 {
		r, err := devices.RecordReceipts(ctx, &v1.RecordReceiptsRequest{RequestId: uuid.NewString(), Receipts: []*v1.Receipt{{
			Subject: &v1.Receipt_NotificationId{NotificationId: m.GetNotificationId()}, Kind: kind, OccurredTime: timestamppb.New(noon)}}})
		require.NoError(t, err)
		return r.GetRecorded()
	}
	require.Zero(t, receipt(tn.phone(stranger.GetDeviceToken()), v1.Receipt_SHOWN))
	require.EqualValues(t, 1, receipt(ctx, v1.Receipt_SHOWN))
	require.EqualValues(t, 1, receipt(tn.server(), v1.Receipt_OPENED))
	require.Zero(t, receipt(f.tenant().server(), v1.Receipt_DISMISSED))
	list, err = inbox.ListInboxEntries(ctx, &v1.ListInboxEntriesRequest{PageSize: 1})
	require.NoError(t, err)
	require.Len(t, list.GetEntries(), 1)
	e := list.GetEntries()[0]
	require.True(t, e.GetValid())
	require.Equal(t, m.GetTitle(), e.GetMessage().GetTitle(), "although this phone takes no push")
	require.Equal(t, m.GetCoupon().GetId(), e.GetMessage().GetCoupon().GetId())
	require.Equal(t, v1.Notification_IN_APP, e.GetChannel())
	require.NotNil(t, e.GetShownTime())
	require.NotNil(t, e.GetOpenedTime())
	require.Nil(t, e.GetDismissedTime())
	require.Empty(t, list.GetNextPageToken())
	why, err := v1.NewDecisionServiceClient(f.conn).ExplainDecisions(ctx, &v1.ExplainDecisionsRequest{})
	require.NoError(t, err)
	require.NotNil(t, why.GetDecisions()[0].GetNotification().GetShownTime())
	f.clock.Set(noon.Add(3 * time.Hour).UnixMilli())
	list, err = inbox.ListInboxEntries(ctx, &v1.ListInboxEntriesRequest{})
	require.NoError(t, err)
	require.False(t, list.GetEntries()[0].GetValid(), "the coupon has run out")
	theirs, err := inbox.ListInboxEntries(tn.phone(stranger.GetDeviceToken()), &v1.ListInboxEntriesRequest{})
	require.NoError(t, err)
	require.Empty(t, theirs.GetEntries())
}
