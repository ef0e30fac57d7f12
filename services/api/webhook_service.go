package api

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/webhook"
)

type webhookService struct {
	v1.UnimplementedWebhookServiceServer
	*Server
}

// mostReplayed bounds one call.
const mostReplayed = 10_000

var (
	recipients = map[v1.Webhook_Recipient]brand.Recipient{v1.Webhook_OWN_SYSTEM: brand.OwnSystem, v1.Webhook_PROCESSOR: brand.Processor,
		v1.Webhook_THIRD_PARTY: brand.ThirdParty}
	webhookFields = fieldNames{prefix: "webhook.", names: map[string]string{"events": "event_types", "name": "display_name"},
		reasons: map[string]v1.ErrorReason_Code{"url": v1.ErrorReason_WEBHOOK_INVALID, "place": v1.ErrorReason_WEBHOOK_INVALID,
			"events": v1.ErrorReason_WEBHOOK_INVALID, "recipient_name": v1.ErrorReason_WEBHOOK_INVALID,
			"recipient_purpose": v1.ErrorReason_WEBHOOK_INVALID}}
)

func webhookTo(w *brand.Webhook, s webhook.Standing) *v1.Webhook {
	out := &v1.Webhook{
		Id: w.ID.String(), Etag: etagOf(w.Version), DisplayName: w.Name, Url: w.URL, Recipient: keyOf(recipients, w.Recipient),
		RecipientName: w.RecipientName, RecipientPurpose: w.RecipientPurpose, Place: w.Place, State: v1.Webhook_ACTIVE,
		WaitingCount: s.Waiting, DeadCount: s.Dead, WaitingSinceTime: stamp(s.Since), LastCode: s.Code,
	}
	switch {
	case w.Paused:
		out.State = v1.Webhook_PAUSED
	case !w.DisabledAt.IsZero():
		out.State, out.DisableTime = v1.Webhook_DISABLED, stamp(w.DisabledAt)
	}
	for _, e := range w.Events {
		out.EventTypes = append(out.EventTypes, string(e))
	}
	return out
}

// webhookFrom takes what a caller gives into w.
func (s *webhookService) webhookFrom(w *brand.Webhook, given *v1.Webhook) error {
	w.Name, w.URL, w.Recipient, w.RecipientName = given.GetDisplayName(), given.GetUrl(), recipients[given.GetRecipient()], given.GetRecipientName()
	w.RecipientPurpose = given.GetRecipientPurpose()
	w.Place, w.Paused, w.Events = given.GetPlace(), given.GetState() == v1.Webhook_PAUSED, nil
	w.DisabledAt = time.Time{} // whoever writes it means it to be used
	for _, e := range given.GetEventTypes() {
		w.Events = append(w.Events, brand.WebhookEvent(e))
	}
	fs := faultsOf(w.Validate(s.private), webhookFields)
	for i := range fs {
		fs[i].Values = []string{"cause", fs[i].Text}
	}
	return fs.err()
}

func (s *webhookService) private(address string) bool {
	return s.webhooks != nil && s.webhooks.Private(address)
}

// putWebhook writes one, and answers with its new etag.
func (s *webhookService) putWebhook(ctx context.Context, w *brand.Webhook, expect map[uuid.UUID]int64) error {
	c := callerOf(ctx)
	version, err := s.engine.Write(ctx, engine.CatalogueWrite{BrandID: c.Brand, Actor: c.by(), Expect: expect, Webhooks: []brand.Webhook{*w}})
	w.Version = version
	return write{}.conflict(err, "", etagOf(w.Version))
}

func (s *webhookService) find(ctx context.Context, id string) (brand.Webhook, error) {
	w, err := s.engine.Webhook(callerOf(ctx).Brand, parseID(id))
	return w, missing(err, v1.ErrorReason_WEBHOOK_NOT_FOUND, "webhook_id", id)
}

// standings are what waits; nothing without a dispatcher.
func (s *webhookService) standings(ctx context.Context, ids ...uuid.UUID) (map[uuid.UUID]webhook.Standing, error) {
	if s.webhooks == nil {
		return nil, nil
	}
	return s.webhooks.Storage().Standings(ctx, callerOf(ctx).Brand, ids)
}

// secret makes a new secret and seals it.
func (s *webhookService) secret(ctx context.Context) (text string, sealed []byte, err error) {
	text = brand.NewWebhookSecret()
	sealed, err = s.engine.SealCredential(callerOf(ctx).Brand, []byte(text))
	return text, sealed, err
}

// CreateWebhook registers an endpoint.
func (s *webhookService) CreateWebhook(ctx context.Context, r *v1.CreateWebhookRequest) (*v1.CreateWebhookResponse, error) {
	c, now := callerOf(ctx), s.engine.Now()
	if len(s.engine.Webhooks(c.Brand)) >= brand.MostWebhooks {
		return nil, refuse(codes.InvalidArgument, v1.ErrorReason_TOO_MANY, "a brand has at most 20 webhooks", "field", "webhook", "limit", "20")
	}
	w := brand.Webhook{ID: engine.NewID(now), BrandID: c.Brand, CreatedAt: now}
	if err := s.webhookFrom(&w, r.GetWebhook()); err != nil {
		return nil, err
	}
	text, sealed, err := s.secret(ctx)
	if err != nil {
		return nil, err
	}
	w.Sealed = sealed
	if err := s.putWebhook(ctx, &w, nil); err != nil {
		return nil, err
	}
	return &v1.CreateWebhookResponse{Webhook: webhookTo(&w, webhook.Standing{}), Secret: text}, nil
}

// GetWebhook shows one, with what waits for it.
func (s *webhookService) GetWebhook(ctx context.Context, r *v1.GetWebhookRequest) (*v1.GetWebhookResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	standings, err := s.standings(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	return &v1.GetWebhookResponse{Webhook: webhookTo(&w, standings[w.ID])}, nil
}

// ListWebhooks lists them by id, with what waits for them.
func (s *webhookService) ListWebhooks(ctx context.Context, r *v1.ListWebhooksRequest) (*v1.ListWebhooksResponse, error) {
	list, next, err := page(s.engine.Webhooks(callerOf(ctx).Brand), func(w brand.Webhook) [16]byte { return w.ID }, nil, "webhooks",
		r.GetPageToken(), pageSize(r.GetPageSize(), smallPages))
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	standings, err := s.standings(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := &v1.ListWebhooksResponse{NextPageToken: next}
	for i := range list {
		out.Webhooks = append(out.Webhooks, webhookTo(&list[i], standings[list[i].ID]))
	}
	return out, nil
}

// UpdateWebhook replaces everything but the secret.
func (s *webhookService) UpdateWebhook(ctx context.Context, r *v1.UpdateWebhookRequest) (*v1.UpdateWebhookResponse, error) {
	w, err := s.find(ctx, r.GetWebhook().GetId())
	if err != nil {
		return nil, err
	}
	if etag := r.GetWebhook().GetEtag(); etag != "" && etag != etagOf(w.Version) {
		return nil, write{}.conflict(engine.ErrStale, "", etagOf(w.Version))
	}
	expect := map[uuid.UUID]int64{w.ID: w.Version}
	if err := s.webhookFrom(&w, r.GetWebhook()); err != nil {
		return nil, err
	}
	if err := s.putWebhook(ctx, &w, expect); err != nil {
		return nil, err
	}
	standings, err := s.standings(ctx, w.ID)
	return &v1.UpdateWebhookResponse{Webhook: webhookTo(&w, standings[w.ID])}, err
}

// DeleteWebhook removes one with everything that waits for it.
func (s *webhookService) DeleteWebhook(ctx context.Context, r *v1.DeleteWebhookRequest) (*v1.DeleteWebhookResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	w.DeletedAt, w.Previous = s.engine.Now(), nil
	if err := s.putWebhook(ctx, &w, nil); err != nil {
		return nil, err
	}
	if s.webhooks != nil {
		err = s.webhooks.Storage().Discard(ctx, w.BrandID, w.ID)
	}
	return &v1.DeleteWebhookResponse{}, err
}

// RotateWebhookSecret gives a new secret; the old one signs beside it for a while.
func (s *webhookService) RotateWebhookSecret(ctx context.Context, r *v1.RotateWebhookSecretRequest) (*v1.RotateWebhookSecretResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	text, sealed, err := s.secret(ctx)
	if err != nil {
		return nil, err
	}
	expect := map[uuid.UUID]int64{w.ID: w.Version}
	w.Previous, w.PreviousUntil, w.Sealed = w.Sealed, s.engine.Now().Add(duration(r.GetGrace(), 24*time.Hour)), sealed
	if err := s.putWebhook(ctx, &w, expect); err != nil {
		return nil, err
	}
	return &v1.RotateWebhookSecretResponse{Webhook: webhookTo(&w, webhook.Standing{}), Secret: text}, nil
}

// TestWebhook sends one event about nobody.
func (s *webhookService) TestWebhook(ctx context.Context, r *v1.TestWebhookRequest) (*v1.TestWebhookResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	if s.webhooks == nil {
		return nil, refuse(codes.Unavailable, v1.ErrorReason_NOT_READY, "this node tells no webhooks")
	}
	a, err := s.webhooks.Test(ctx, &w)
	if err != nil {
		return nil, err
	}
	return &v1.TestWebhookResponse{Accepted: a.Accepted, Code: a.Code, Duration: durationpb.New(a.Took)}, nil
}

// ListWebhookDeadLetters lists what was given up, the earliest first.
func (s *webhookService) ListWebhookDeadLetters(ctx context.Context, r *v1.ListWebhookDeadLettersRequest) (*v1.ListWebhookDeadLettersResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil || s.webhooks == nil {
		return &v1.ListWebhookDeadLettersResponse{}, err
	}
	query := "dead letters " + w.ID.String()
	cursor, err := readPageToken(query, r.GetPageToken())
	if err != nil {
		return nil, err
	}
	var after webhook.DeadCursor
	if cursor != "" {
		if len(cursor) != 24 {
			return nil, errPageToken()
		}
		after.At, after.ID = time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(cursor)))), uuid.UUID([]byte(cursor[8:]))
	}
	size := pageSize(r.GetPageSize(), smallPages)
	list, err := s.webhooks.Storage().DeadLetters(ctx, w.BrandID, w.ID, after, size+1)
	if err != nil {
		return nil, err
	}
	out := &v1.ListWebhookDeadLettersResponse{}
	if len(list) > size {
		list = list[:size]
		last := list[size-1]
		out.NextPageToken = pageToken(query, string(append(binary.BigEndian.AppendUint64(nil, uint64(last.GivenUpAt.UnixMicro())), last.ID[:]...)))
	}
	for i := range list {
		out.DeadLetters = append(out.DeadLetters, &v1.WebhookDeadLetter{Id: list[i].ID.String(), WebhookId: w.ID.String(), Type: string(list[i].Event),
			Attempts: int32(list[i].Attempts), LastCode: list[i].Code, GiveUpTime: stamp(list[i].GivenUpAt)})
	}
	return out, nil
}

// ReplayWebhookDeadLetters lets dead letters wait again.
func (s *webhookService) ReplayWebhookDeadLetters(ctx context.Context, r *v1.ReplayWebhookDeadLettersRequest) (*v1.ReplayWebhookDeadLettersResponse, error) {
	w, err := s.find(ctx, r.GetId())
	if err != nil || s.webhooks == nil {
		return &v1.ReplayWebhookDeadLettersResponse{}, err
	}
	var ids []uuid.UUID
	for _, id := range r.GetDeadLetterIds() {
		ids = append(ids, parseID(id))
	}
	n, err := s.webhooks.Storage().Replay(ctx, w.BrandID, w.ID, ids, mostReplayed)
	return &v1.ReplayWebhookDeadLettersResponse{Replayed: int32(n)}, err
}
