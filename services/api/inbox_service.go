package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/engine"
)

type inboxService struct {
	v1.UnimplementedInboxServiceServer
	*Server
}

// maxInbox is how many entries of one person are shown.
const maxInbox = 500

// ListInboxEntries lists what the caller's person was told, what is still of use first.
func (s *inboxService) ListInboxEntries(ctx context.Context, r *v1.ListInboxEntriesRequest) (*v1.ListInboxEntriesResponse, error) {
	offset, err := readOffset("inbox", r.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := s.inbox(ctx, callerOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &v1.ListInboxEntriesResponse{ServerTime: s.now()}
	size := pageSize(r.GetPageSize(), smallPages)
	out.Entries = list[min(offset, len(list)):min(offset+size, len(list))]
	if offset+size < len(list) {
		out.NextPageToken = pageToken("inbox", strconv.Itoa(offset+size))
	}
	return out, nil
}

func (s *inboxService) inbox(ctx context.Context, c *Caller) ([]*v1.InboxEntry, error) {
	told, err := s.engine.Inbox(ctx, c.Brand, c.Device)
	if err != nil {
		return nil, deviceMissing(err)
	}
	coupons, err := s.engine.Coupons(ctx, c.Brand, c.Device, false, maxWallet)
	if err != nil {
		return nil, deviceMissing(err)
	}
	by := map[string]*v1.Coupon{}
	for i := range coupons {
		by[coupons[i].ID.String()] = s.couponTo(&coupons[i])
	}
	told = told[:min(len(told), maxInbox)]
	list := make([]*v1.InboxEntry, len(told))
	for i := range told {
		list[i] = s.inboxEntry(&told[i], by)
	}
	slices.SortStableFunc(list, func(a, b *v1.InboxEntry) int {
		return cmp.Or(cmp.Compare(spent(a), spent(b)), b.GetCreateTime().AsTime().Compare(a.GetCreateTime().AsTime()))
	})
	return list, nil
}

// spent is 0 for what is still of use.
func spent(e *v1.InboxEntry) int {
	if e.GetValid() {
		return 0
	}
	return 1
}

func (s *inboxService) inboxEntry(t *engine.Told, coupons map[string]*v1.Coupon) *v1.InboxEntry {
	n := &t.Delivery.Notification
	m := &v1.InAppMessage{
		NotificationId: n.ID.String(), CampaignId: formatID(t.Delivery.CampaignID), Title: n.Title, Body: n.Body, Category: v1.Campaign_AD,
		DeepLink: n.DeepLink, Coupon: coupons[n.Data["wantgo_coupon"]], ShowUntilTime: stamp(t.Delivery.Deadline),
		SenderName: n.Data["wantgo_sender_name"], SenderContact: n.Data["wantgo_sender_contact"],
	}
	if n.Category == "informational" {
		m.Category = v1.Campaign_INFORMATIONAL
	}
	e := &v1.InboxEntry{Message: m, Channel: v1.Notification_PUSH, CreateTime: stamp(t.Delivery.CreatedAt),
		ShownTime: receiptTime(t.Receipts, engine.Shown), OpenedTime: receiptTime(t.Receipts, engine.Opened), DismissedTime: receiptTime(t.Receipts, engine.Dismissed)}
	if t.Delivery.State != pusher.Accepted {
		e.Channel = v1.Notification_IN_APP
	}
	switch {
	case m.Coupon != nil:
		e.Valid = m.Coupon.GetState() == v1.Coupon_ISSUED
		m.ShowUntilTime = m.Coupon.GetExpireTime()
	default:
		e.Valid = n.Data["wantgo_coupon"] == "" && s.engine.Now().Before(t.Delivery.Deadline)
	}
	return e
}

// receiptTime is when something was done with a notification; nil: not told.
func receiptTime(receipts []engine.Receipt, kind string) *timestamppb.Timestamp {
	for _, r := range receipts {
		if r.Kind == kind {
			return stamp(r.At)
		}
	}
	return nil
}

// receiptsOf are the receipts of the notifications that some decisions made, by notification.
func (s *Server) receiptsOf(ctx context.Context, key engine.PersonKey, rows []engine.TraceRow) (map[uuid.UUID][]engine.Receipt, error) {
	var ids []uuid.UUID
	for i := range rows {
		if rows[i].NotificationID != uuid.Nil {
			ids = append(ids, rows[i].NotificationID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := s.engine.Receipts(ctx, key, ids)
	by := map[uuid.UUID][]engine.Receipt{}
	for _, r := range list {
		by[r.NotificationID] = append(by[r.NotificationID], r)
	}
	return by, err
}
